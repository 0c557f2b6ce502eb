"""Old public names go on for one release, and say what they are called now."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier, ProtoPNetClassifier, robustness
from sklearn_proto.robustness import certified_accuracy_score, certified_radius


def test_old_name_of_a_class():
    old, new = "AffineFront", "AffinePreprocessing"
    with pytest.warns(FutureWarning, match=f"{old} is now .*{new}") as seen:
        found = getattr(robustness, old)
    assert found is getattr(robustness, new)
    assert seen[0].filename == __file__
    assert old not in robustness.__all__
    assert new in robustness.__all__


def test_old_names_can_be_imported_and_do_what_they_did():
    from sklearn_proto.robustness import affine_front

    assert "affine_front" not in robustness.__all__
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), CBCClassifier(max_iter=2)).fit(X, y)
    found = affine_front(model)
    assert type(found) is robustness.AffinePreprocessing
    np.testing.assert_allclose(found.matrix.diagonal(), 1 / model[0].scale_)


def test_what_never_was_a_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'affine_back'"):
        robustness.affine_back  # noqa: B018


@pytest.fixture(scope="module")
def network():
    X, y = load_digits(n_class=2, return_X_y=True)
    options = {"image_shape": (8, 8), "max_epochs": 1, "warmup_epochs": 0}
    model = ProtoPNetClassifier(1, lipschitz=True, random_state=0, **options)
    return model.fit(X[:60], y[:60]), X[:5], y[:5]


def test_old_name_of_a_method_of_part_networks(network):
    model, X, y = network
    with pytest.warns(FutureWarning, match="is now 'patchwise'") as seen:
        old = certified_radius(model, X, method="shared")
    assert seen[0].filename == __file__
    np.testing.assert_array_equal(old, certified_radius(model, X, method="patchwise"))
    with pytest.warns(FutureWarning, match="is now 'patchwise'"):
        certified_accuracy_score(model, X, y, 0.1, method="shared")


def test_models_that_never_had_the_method_refuse_it_as_any_other():
    X, y = load_iris(return_X_y=True)
    model = CBCClassifier(max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="method='shared' is not a certificate"):
        certified_radius(model, X, method="shared")
