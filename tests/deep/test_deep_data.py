"""Rows of deep fits: memory, files, batches and layouts; parameters changed later."""

import functools
import os
import tracemalloc
from copy import deepcopy

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from torch import nn

from sklearn_proto import CBCClassifier, CBCNetClassifier, ProtoPNetClassifier
from sklearn_proto._modules import SIMILARITIES, PatchPrototypes
from sklearn_proto._training import TrainingData
from sklearn_proto._training._deep._stage_net import Batches
from tests.breadth import quick_are
from tests.data import three_classes
from tests.instances import DEEP, INSTANCES, every_estimator, instance
from tests.test_surroundings import brief

X, Y = three_classes()
TINY = {
    "n_channels": 4,
    "warmup_epochs": 1,
    "max_epochs": 1,
    "batch_size": 16,
    "last_layer_iter": 2,
    "random_state": 0,
}


def images(n=40, side=6, channels=3, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, side, side, channels)).astype(dtype)


def naive_distinct(rows, y):
    """Order of the bytes of float64 rows after their labels, each pair once."""
    keys = [
        (np.int64(c).tobytes(), (row.astype(np.float64) + 0.0).tobytes())
        for row, c in zip(rows, y, strict=True)
    ]
    return [keys.index(key) for key in sorted(set(keys))], keys


@pytest.mark.parametrize("width", [1, 3, 64, 65, 200])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_equal_rows_are_merged_in_an_order_of_their_values(width, dtype):
    rng = np.random.default_rng(width)
    # Of two values, so that rows are tied for long; and some twice, with -0.0 as 0.0.
    rows = rng.integers(0, 2, (60, width)).astype(dtype)
    rows[:, : width - 1] = 1
    rows[30:50] = rows[:20]
    if dtype is not np.uint8:
        rows[::2] = np.where(rows[::2] == 0, -0.0, rows[::2])
    y, weight = rng.integers(0, 300, 60) % 3 * 150, rng.random(60)
    y[30:45] = y[:15]
    found = TrainingData(rows, y, weight, np.arange(60)).distinct()
    first, keys = naive_distinct(rows, y)
    np.testing.assert_array_equal(found.index, first)
    np.testing.assert_array_equal(found.X, rows[first])
    np.testing.assert_array_equal(found.y, y[first])
    total = [
        sum(w for w, k in zip(weight, keys, strict=True) if k == keys[i]) for i in first
    ]
    np.testing.assert_allclose(found.weight, total, rtol=1e-12)


def test_an_order_of_numbers_for_any_order_of_columns_and_any_unit():
    rng = np.random.default_rng(0)
    rows, y = rng.integers(-3, 4, (60, 5)) * 0.1, np.arange(60) % 3
    data = TrainingData(rows, y, np.ones(60), np.arange(60)).distinct()
    order = data.in_order_of_numbers()
    np.testing.assert_array_equal(np.sort(order.index), np.sort(data.index))
    sums = [
        [rows[data.index][data.y == c, j].sum() for c in range(3)] for j in range(5)
    ]
    columns = sorted(range(5), key=lambda j: sums[j])
    keys = [
        (c, *row) for c, row in zip(order.y, order.X[:, columns].tolist(), strict=True)
    ]
    assert keys == sorted(keys)
    for columns in ([4, 3, 2, 1, 0], [1, 0, 2, 4, 3]):
        moved = TrainingData(8 * rows[:, columns], y, np.ones(60), np.arange(60))
        found = moved.distinct().in_order_of_numbers()
        np.testing.assert_array_equal(found.index, order.index)


def test_memory_before_the_first_epoch():
    """At most five times the pixels: no float64 copy of them all."""
    pixels = images(400, 32)
    y = np.arange(400) % 3

    class Stopped(ProtoPNetClassifier):
        def _run(self, fit):
            raise StopIteration

    tracemalloc.start()
    with pytest.raises(StopIteration):
        Stopped(1).fit(pixels, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * pixels.nbytes


def test_pixels_of_a_byte_are_as_those_of_a_float():
    """The mean and the spread of the channels too."""
    y = np.arange(40) % 3
    fits = [
        ProtoPNetClassifier(1, **TINY).fit(images(dtype=kind), y)
        for kind in (np.uint8, np.float32)
    ]
    for name in ("prototypes_", "coef_", "prototype_images_", "prototype_indices_"):
        one, two = (getattr(model, name) for model in fits)
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype
    assert fits[0].predict_proba(images()).dtype == np.float32


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 32, 33])
@pytest.mark.parametrize("size", [1, 2, 16])
def test_no_batch_of_one_row_follows_others(n, size):
    rows = TrainingData(np.arange(n)[:, None] * 1.0, *[np.zeros(n, int)] * 3)
    batches = Batches(rows, size, torch.device("cpu"))
    found = [len(x) for x, _ in batches]
    assert len(batches) == len(found)
    assert sum(found) == n
    assert max(found) <= size + 1
    if size > 1 and n > 1:
        assert min(found) > 1
    np.testing.assert_array_equal(torch.cat([x for x, _ in batches]).ravel(), range(n))


def test_normalisation_of_batches_with_one_row_left():
    """33 rows in batches of 16, and a map of one position."""
    backbone = nn.Sequential(nn.Conv2d(3, 8, 6), nn.BatchNorm2d(8), nn.ReLU())
    model = ProtoPNetClassifier(1, backbone=backbone, **TINY)
    model.fit(images(33), np.arange(33) % 3)
    assert np.isfinite(model.predict_proba(images())).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_that_seem_to_come_first(channels):
    first = images(30, 6, channels).transpose(0, 3, 1, 2)
    y = np.arange(30) % 3
    short = TINY | {"max_epochs": 0}
    with pytest.warns(UserWarning, match="channels_first=True") as caught:
        ProtoPNetClassifier(1, **short).fit(first, y)
    assert caught[0].filename == __file__
    flat = first.reshape(30, -1)
    with pytest.warns(UserWarning, match="look like channels first"):
        ProtoPNetClassifier(1, image_shape=first.shape[1:], **short).fit(flat, y)


def test_no_warning_of_clear_layouts():
    y = np.arange(30) % 3
    short = TINY | {"max_epochs": 0}
    for channels in (1, 3):
        last = images(30, 6, channels)
        first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
        ProtoPNetClassifier(1, **short).fit(last, y)
        ProtoPNetClassifier(1, channels_first=True, **short).fit(first, y)


class Anywhere(PatchPrototypes):
    """Finds a prototype wherever it is, and does not say where."""

    def dissimilarity_map(self, z):
        d = torch.cdist(z.flatten(2).mean(2), self.prototypes.flatten(2).mean(2))
        return d[..., None, None]

    def similarity(self, dissimilarity):
        return torch.exp(-dissimilarity)


def test_a_similarity_without_places_is_refused(monkeypatch):
    """Else every prototype became the patch in the corner."""
    monkeypatch.setitem(SIMILARITIES, "log", Anywhere)
    model = ProtoPNetClassifier(1, similarity="log", **TINY)
    with pytest.raises(ValueError, match=r"Anywhere.*must be \(16, 3, 6, 6\)"):
        model.fit(images(), np.arange(40) % 3)


# What parameters of a fitted model may be set to: nothing of it is for prediction.
JUNK = {"None": None, "minus one": -1, "text": "junk", "object": object()}


@functools.cache
def briefly_fitted(Estimator):
    return brief(Estimator).fit(X, Y)


@pytest.mark.parametrize("junk", quick_are(["object"], JUNK))
@pytest.mark.parametrize(
    "Estimator", list(dict.fromkeys(type(INSTANCES[n]) for n in DEEP))
)
def test_no_parameter_breaks_a_fitted_network(Estimator, junk):
    model = deepcopy(briefly_fitted(Estimator))
    junk = JUNK[junk]
    expected = model.predict_proba(X[:3]), model.explain(X[:3]).contributions
    for name in model.get_params(deep=False):
        before = getattr(model, name)
        model.set_params(**{name: junk})
        np.testing.assert_array_equal(model.predict_proba(X[:3]), expected[0], name)
        found = model.explain(X[:3]).contributions
        np.testing.assert_array_equal(found, expected[1], name)
        model.set_params(**{name: before})


def test_no_parameter_changes_a_certificate_of_a_network():
    model = CBCNetClassifier(1, lipschitz=True, **TINY).fit(X, Y)
    expected = model.certified_radius(X[:2])
    model.set_params(**dict.fromkeys(model.get_params(deep=False)))
    np.testing.assert_array_equal(model.certified_radius(X[:2]), expected)


# Memory maps and arrays that may not be written to.


def saved(folder, mode):
    """Rows in a file, opened in a mode."""
    path = os.path.join(folder, "rows")
    np.memmap(path, np.float64, "w+", shape=X.shape)[:] = X
    return np.memmap(path, np.float64, mode, shape=X.shape)


def everything(model, rows):
    model.fit(rows, Y)
    found = [model.predict_proba(rows), model.transform(rows)]
    found.append(model.explain(rows[:4]).contributions)
    if hasattr(model, "max_iter"):
        found.append(model.certified_radius(rows[:4]))
    return found


@every_estimator
def test_rows_that_may_not_be_written(Estimator, tmp_path):
    """Files of either mode and frozen arrays give what arrays give, and stay."""
    expected = everything(brief(Estimator), X.copy())
    frozen = X.copy()
    frozen.setflags(write=False)
    for rows in (saved(tmp_path, "r"), saved(tmp_path, "c"), frozen):
        model = brief(Estimator)
        found = everything(model, rows)
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(rows, X)
        assert not isinstance(model.prototypes_, np.memmap)


@pytest.mark.slow
def test_workers_that_share_a_file():
    """joblib hands large arrays to processes as read-only maps."""
    models = [CBCClassifier(max_iter=3, random_state=0), instance("protopnet")]
    models[1].set_params(max_epochs=1)
    found = Parallel(n_jobs=2, max_nbytes=1)(
        delayed(everything)(model, X) for model in models
    )
    for results, model in zip(found, models, strict=True):
        for one, two in zip(results, everything(model, X), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)
