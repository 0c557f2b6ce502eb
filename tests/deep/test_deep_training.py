"""Deep fits: checkpoints, augmentation, callbacks, interruption, devices."""

import functools
import json
import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklearn_proto import ProtoPNetClassifier, STProtoPNetClassifier
from sklearn_proto._modules import ImageLayout
from sklearn_proto._training._deep import PartFit, augmentation_of
from sklearn_proto._training._deep._stage_net import StageNet
from tests.data import two_classes

X, Y = load_digits(n_class=3, return_X_y=True)
X, Y = X[:90], Y[:90]
QUICK = {
    "image_shape": (8, 8),
    "n_channels": 8,
    "warmup_epochs": 2,
    "max_epochs": 4,
    "projection_period": 2,
    "batch_size": 20,
    "learning_rate": 3e-3,
    "last_layer_iter": 5,
    "random_state": 0,
    "device": "cpu",
}
STOPPING = {
    "early_stopping": True,
    "validation_fraction": 0.3,
    "n_iter_no_change": 2,
    "max_epochs": 20,
    "projection_period": 20,
    "learning_rate": 0.02,
}


def quick(**options):
    return ProtoPNetClassifier(2, **QUICK | options)


@pytest.fixture(scope="module")
def model():
    return quick().fit(X, Y)


class At(Callback):
    """Raises an error at a point of the n-th epoch of the fit."""

    def __init__(self, epoch, error, point="on_epoch_end"):
        self.epoch, self.error, self.point, self.count = epoch, error, point, 0

    def on_epoch_begin(self, net, **_):
        self.count += 1

    def _maybe(self, point):
        if point == self.point and self.count == self.epoch:
            self.count = -99
            raise self.error

    def on_batch_begin(self, net, batch=None, training=False, **_):
        self._maybe("on_batch_begin")

    def on_batch_end(self, net, batch=None, training=False, **_):
        self._maybe("on_batch_end")

    def on_epoch_end(self, net, **_):
        self._maybe("on_epoch_end")


class Diary(Callback):
    """Writes down what happens."""

    def __init__(self):
        self.epochs, self.rates, self.rows, self.events = [], [], [], []

    def on_train_begin(self, net, **_):
        self.events.append("begin")

    def on_train_end(self, net, **_):
        self.events.append("end")

    def on_epoch_begin(self, net, **_):
        self.epochs.append((net.stage.name, len(net.history)))

    def on_batch_begin(self, net, batch, training, **_):
        if training:
            self.rows.append(batch[0].numpy().copy())
            groups = net.optimizer_.param_groups
            self.rates.append([group["lr"] for group in groups])


class CrashError(Exception):
    """Stands for a power cut."""


def plain_history(model):
    return [{k: v for k, v in e.items() if k != "dur"} for e in model.history_]


def assert_same_fit(one, other):
    """Bit for bit, the whole fitted state."""
    assert vars(one).keys() == vars(other).keys()
    assert plain_history(one) == plain_history(other)
    for name in vars(one):
        a, b = vars(one)[name], vars(other)[name]
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=name)
    np.testing.assert_array_equal(one.decision_function(X), other.decision_function(X))


# Checkpoints.


def noisy_backbone():
    """Draws in training, and has statistics."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, stride=2),
        torch.nn.BatchNorm2d(6),
        torch.nn.Dropout(0.3),
    )


RESUMED = {
    "plain": {},
    "stopping": STOPPING,
    "random": {"augmentation": "affine", "backbone": noisy_backbone},
}


@functools.cache
def unbroken(name):
    return quick(**RESUMED[name]).fit(X, Y)


def epochs_of(model):
    return [(e["stage"], e["epoch"]) for e in model.history_ if "epoch" in e]


@pytest.mark.parametrize(
    ("name", "epoch"),
    [
        ("plain", 2),
        ("plain", 3),
        ("plain", 6),
        ("stopping", 2),
        ("stopping", "last"),
        ("random", 1),
        ("random", 4),
    ],
)
def test_a_fit_continues_where_it_stopped(name, epoch, tmp_path):
    """After a crash in any stage, at the end of an epoch, before it is saved."""
    whole, extra = unbroken(name), RESUMED[name]
    if epoch == "last":
        assert whole.n_iter_ < 22, "it stops early, at an epoch before the last"
        epoch = whole.n_iter_
    broken = quick(
        callbacks=[At(epoch, CrashError())], checkpoint_dir=tmp_path, **extra
    )
    with pytest.raises(CrashError):
        broken.fit(X, Y)
    diary = Diary()
    resumed = quick(callbacks=[diary], checkpoint_dir=tmp_path, **extra).fit(X, Y)
    assert_same_fit(whole, resumed.set_params(callbacks=None, checkpoint_dir=None))
    assert diary.epochs == epochs_of(whole)[epoch - 1 :]


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [2, 4])
def test_the_sets_of_stprotopnet_continue_their_turns(epoch, tmp_path):
    """Five batches an epoch: the turn after an epoch is that of the other set."""
    options = QUICK | {"n_channels": 4}
    whole = STProtoPNetClassifier(1, **options).fit(X, Y)
    with pytest.raises(CrashError):
        STProtoPNetClassifier(
            1, callbacks=[At(epoch, CrashError())], checkpoint_dir=tmp_path, **options
        ).fit(X, Y)
    resumed = STProtoPNetClassifier(1, checkpoint_dir=tmp_path, **options).fit(X, Y)
    assert_same_fit(whole, resumed.set_params(checkpoint_dir=None))


@pytest.mark.slow
def test_only_what_is_missing_is_trained(model, tmp_path):
    whole = epochs_of(model)
    # The joint training is one stage for each projection.
    assert whole == [(s, e) for s in ("warm-up", "joint", "joint") for e in (1, 2)]
    with pytest.raises(CrashError):
        quick(callbacks=[At(4, CrashError())], checkpoint_dir=tmp_path).fit(X, Y)
    diary = Diary()
    quick(callbacks=[diary], checkpoint_dir=tmp_path).fit(X, Y)
    assert diary.epochs == whole[3:]
    again = Diary()
    finished = quick(callbacks=[again], checkpoint_dir=tmp_path).fit(X, Y)
    assert again.epochs == []
    assert again.events == ["begin", "end"] * 3
    assert_same_fit(model, finished.set_params(callbacks=None, checkpoint_dir=None))


def test_an_interrupted_fit_continues(model, tmp_path):
    broken = quick(
        callbacks=[At(4, KeyboardInterrupt(), "on_batch_begin")],
        checkpoint_dir=tmp_path,
    )
    with pytest.warns(RuntimeWarning, match="interrupted after 3 epochs"):
        broken.fit(X, Y)
    resumed = quick(checkpoint_dir=str(tmp_path)).fit(X, Y)
    assert_same_fit(model, resumed.set_params(checkpoint_dir=None))


def test_a_crash_while_saving_leaves_the_epoch_before(model, tmp_path, monkeypatch):
    save_params = StageNet.save_params
    calls = []

    def failing(self, **files):
        save_params(self, **files)
        calls.append(1)
        # The ends of stages are saved too: this is the first epoch of the second.
        if len(calls) == 4:
            raise OSError("disk full")

    monkeypatch.setattr(StageNet, "save_params", failing)
    with pytest.raises(OSError, match="disk full"):
        quick(checkpoint_dir=tmp_path).fit(X, Y)
    assert not list(tmp_path.rglob(".*"))
    diary = Diary()
    resumed = quick(callbacks=[diary], checkpoint_dir=tmp_path).fit(X, Y)
    assert diary.epochs[0] == ("joint", 1)
    assert_same_fit(model, resumed.set_params(callbacks=None, checkpoint_dir=None))


def test_little_is_kept(tmp_path):
    """Of a stage that has ended its end, of any other its latest epoch."""
    with pytest.raises(CrashError):
        quick(callbacks=[At(4, CrashError())], checkpoint_dir=tmp_path).fit(X, Y)
    (folder,) = tmp_path.iterdir()
    found = sorted(str(p.relative_to(folder)) for p in folder.glob("stage-*/*"))
    assert found == ["stage-01/finished", "stage-02/epoch-00001"]
    known = json.loads((folder / "fingerprint.json").read_text())
    assert known["parameters"]["n_channels"] == "8"


@pytest.mark.parametrize(
    ("changed", "data"),
    [
        ({"learning_rate": 2e-3}, (X, Y)),
        ({"random_state": 1}, (X, Y)),
        ({"augmentation": "shift"}, (X, Y)),
        ({"backbone": torch.nn.Conv2d(1, 4, 3)}, (X, Y)),
        ({}, (X + 1, Y)),
        ({}, (X, 2 - Y)),
        ({}, (X, Y, np.arange(1.0, 91.0))),
    ],
)
def test_anything_else_starts_afresh(changed, data, tmp_path):
    """In a folder of its own; what is there stays."""
    short = {"warmup_epochs": 1, "max_epochs": 0}
    quick(checkpoint_dir=tmp_path, **short).fit(X, Y)
    diary = Diary()
    options = short | changed | {"checkpoint_dir": tmp_path}
    quick(callbacks=[diary], **options).fit(*data)
    assert diary.epochs == [("warm-up", 1)]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_does_not_matter_does_not_start_afresh(tmp_path):
    short = {"warmup_epochs": 1, "max_epochs": 0}
    quick(checkpoint_dir=tmp_path / "new" / "deep", **short).fit(X, Y)
    diary = Diary()
    options = {"random_state": np.random.RandomState(0), "device": "auto"} | short
    order = np.random.default_rng(0).permutation(len(X))
    quick(callbacks=[diary], checkpoint_dir=tmp_path / "new" / "deep", **options).fit(
        X[order].astype(np.float32).astype(np.float64), Y[order]
    )
    assert diary.epochs == []


def test_checkpoints_need_a_seed(tmp_path):
    with pytest.raises(
        ValueError, match=r"checkpoint_dir=.*random_state=None.*integer"
    ):
        quick(checkpoint_dir=tmp_path, random_state=None).fit(X, Y)


@pytest.mark.slow
def test_fits_of_a_grid_search_share_a_directory(tmp_path):
    options = QUICK | {"warmup_epochs": 1, "max_epochs": 1}
    search = GridSearchCV(
        ProtoPNetClassifier(checkpoint_dir=tmp_path, **options),
        {"n_prototypes_per_class": [1, 2]},
        cv=2,
        error_score="raise",
    ).fit(X, Y)
    assert len(list(tmp_path.iterdir())) == 5
    again = clone(search.best_estimator_).set_params(checkpoint_dir=None).fit(X, Y)
    np.testing.assert_array_equal(again.predict(X), search.predict(X))


class Exploit:
    """A pickle that runs code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_checkpoint_can_hold_no_program(tmp_path):
    with pytest.raises(CrashError):
        quick(callbacks=[At(2, CrashError())], checkpoint_dir=tmp_path).fit(X, Y)
    for name in ("params.pt", "callbacks.pt"):
        (saved,) = tmp_path.rglob(name)
        before = saved.read_bytes()
        torch.save({"weight": Exploit(tmp_path / "traces")}, saved)
        with pytest.raises(pickle.UnpicklingError):
            quick(checkpoint_dir=tmp_path).fit(X, Y)
        saved.write_bytes(before)
    assert not (tmp_path / "traces").exists()


# Augmentation.


def test_shifts_move_whole_pixels():
    """By at most a tenth of a side, each image on its own, borders repeated."""
    layout = ImageLayout(20, 12, 3)
    rows = torch.rand(
        300, layout.n_features, generator=torch.Generator().manual_seed(0)
    )
    found = augmentation_of("shift", layout)(rows).view(-1, 20, 12, 3).numpy()
    images = rows.view(-1, 20, 12, 3).numpy()
    seen = set()
    for before, after in zip(images, found, strict=True):
        by = [
            (dy, dx)
            for dy in range(-3, 4)
            for dx in range(-2, 3)
            if np.array_equal(moved(before, dy, dx), after)
        ]
        assert len(by) == 1
        seen.add(by[0])
    assert seen == {(dy, dx) for dy in range(-2, 3) for dx in range(-1, 2)}


def moved(image, dy, dx):
    padded = np.pad(image, ((5, 5), (5, 5), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    return padded[5 + dy : 5 + dy + height, 5 + dx : 5 + dx + width]


def test_warps_are_turns_zooms_and_moves():
    """Bilinear sampling of the coordinates themselves shows the map, exactly."""
    height, width = 40, 24
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - y.mean(), x - x.mean()
    layout = ImageLayout(height, width, 2, channels_first=True)
    rows = torch.from_numpy(np.stack([x, y]).reshape(1, -1)).repeat(100, 1)
    found = augmentation_of("affine", layout)(rows).view(-1, 2, height, width).numpy()
    inside = (slice(12, 28), slice(8, 16))
    basis = np.stack([x[inside], y[inside], np.ones((16, 8))], -1).reshape(-1, 3)
    angles, zooms, shifts = [], [], []
    for image in found:
        values = image[:, *inside].reshape(2, -1).T
        solution, *_ = np.linalg.lstsq(basis, values, rcond=None)
        np.testing.assert_allclose(basis @ solution, values, atol=1e-4)
        matrix = solution[:2].T
        zoom = np.sqrt(np.linalg.det(matrix))
        np.testing.assert_allclose(matrix @ matrix.T, zoom**2 * np.eye(2), atol=1e-5)
        angles.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
        zooms.append(zoom)
        shifts.append(solution[2] / (width, height))
    for values, largest in ((angles, 10), (np.subtract(zooms, 1), 0.1), (shifts, 0.1)):
        assert largest * 0.8 < np.abs(values).max() < largest * 1.0001
        assert np.min(values) < 0 < np.max(values)


def test_elastic_moves_are_small_smooth_and_of_every_image_its_own():
    height, width = 40, 24
    y, x = np.mgrid[:height, :width].astype(np.float32)
    layout = ImageLayout(height, width, 2, channels_first=True)
    rows = torch.from_numpy(np.stack([x, y]).reshape(1, -1)).repeat(50, 1)
    found = augmentation_of("elastic", layout)(rows).view(-1, 2, height, width).numpy()
    moves = found - np.stack([x, y])
    for axis, side in ((0, width), (1, height)):
        assert 0.04 * side < np.abs(moves[:, axis]).max() <= 0.05 * side + 1e-4
        # No line folds over itself.
        assert (np.diff(found[:, axis], axis=2 - axis) >= -1e-5).all()
    # Of the border the outermost pixels stay.
    inside = moves[:, :, 3:-3, 3:-3]
    for axis in (2, 3):
        # The limit for draws of 1 and -1 in turn is 1.07.
        assert np.abs(np.diff(inside, axis=axis)).max() < 1.1
    assert len(np.unique(moves.reshape(50, -1), axis=0)) == 50


@pytest.mark.parametrize("option", ["shift", "affine", "elastic"])
def test_augmentation_is_the_same_in_every_layout(option):
    images = torch.rand(9, 5, 7, 3, generator=torch.Generator().manual_seed(0))
    first = images.permute(0, 3, 1, 2).contiguous()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        last = augmentation_of(option, ImageLayout(5, 7, 3))(images.flatten(1))
        torch.manual_seed(3)
        layout = ImageLayout(5, 7, 3, channels_first=True)
        found = augmentation_of(option, layout)(first.flatten(1))
    back = found.view(9, 3, 5, 7).permute(0, 2, 3, 1).flatten(1)
    np.testing.assert_array_equal(back.numpy(), last.numpy())
    assert not np.array_equal(last.numpy(), images.flatten(1).numpy())


@pytest.mark.parametrize("option", ["shift", "affine", "elastic"])
@pytest.mark.parametrize("length", [1, 2, 30])
def test_signals_are_moved_along_their_length(option, length):
    rows = torch.arange(length, dtype=torch.float32).repeat(50, 1)
    found = augmentation_of(option, ImageLayout(1, length))(rows)
    assert found.shape == rows.shape
    assert (found.diff(dim=1) >= 0).all(), "still in order"
    assert found.min() >= 0
    assert found.max() <= length - 1
    assert len(found.unique(dim=0)) > 1 or length == 1


def legacy_state():
    """State of numpy's global generator."""
    return pickle.dumps(np.random.get_state())  # noqa: NPY002


@pytest.mark.slow
@pytest.mark.parametrize("option", ["shift", "affine", "elastic"])
def test_augmented_fits_repeat_and_leave_the_generators(option):
    before = torch.get_rng_state(), legacy_state()
    longer = {
        "max_epochs": 8,
        "projection_period": 8,
        "batch_size": 10,
        "learning_rate": 2e-3,
    }
    options = longer | {"augmentation": option, "n_channels": 16}
    one, other = (quick(**options).fit(X, Y) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert legacy_state() == before[1]
    assert_same_fit(one, other)
    assert one.score(X, Y) > 0.9


@pytest.mark.slow
def test_augmentation_is_off_by_default_and_trains_only(model):
    """A callable that changes nothing changes nothing; projection sees no change."""
    seen = []

    def same(images):
        seen.append(tuple(images.shape))
        return images

    found = quick(augmentation=same).fit(X, Y)
    assert set(seen) == {(20, 1, 8, 8), (10, 1, 8, 8)}
    # Five batches in each of six epochs.
    assert len(seen) == 30
    assert_same_fit(model, found.set_params(augmentation=None))
    warped = quick(augmentation="affine").fit(X, Y)
    np.testing.assert_array_equal(
        warped.prototype_images_, X[warped.prototype_indices_].reshape(-1, 8, 8)
    )


@pytest.mark.slow
def test_a_callable_may_work_in_place():
    def doubled(images):
        return images.mul_(2)

    def twice(images):
        return images * 2

    one, other = (quick(augmentation=f).fit(X, Y) for f in (doubled, twice))
    np.testing.assert_array_equal(one.prototypes_, other.prototypes_)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda images: images[:, :, 1:], "Tensor of shape (20, 1, 7, 8)"),
        (lambda images: images.numpy(), "ndarray of shape (20, 1, 8, 8)"),
        (lambda _: None, "NoneType"),
    ],
)
def test_a_callable_that_returns_something_else(change, words):
    with pytest.raises(ValueError, match="augmentation") as error:
        quick(augmentation=change).fit(X, Y)
    assert words in str(error.value)
    assert "must return a tensor of shape (20, 1, 8, 8)" in str(error.value)


def test_unknown_augmentation():
    with pytest.raises(ValueError, match=r"'augmentation'.*'affine'.*'flip'"):
        quick(augmentation="flip").fit(X, Y)


# Epochs.


def test_every_epoch_has_an_order_of_its_own():
    diary = Diary()
    quick(callbacks=[diary]).fit(X, Y)
    epochs = [np.concatenate(diary.rows[i : i + 5]) for i in range(0, 30, 5)]
    orders = {epoch.tobytes() for epoch in epochs}
    assert len(orders) == 6
    assert len({np.sort(epoch, axis=0).tobytes() for epoch in epochs}) == 1


def test_learning_rates_fall_over_all_joint_epochs():
    diary = Diary()
    quick(
        callbacks=[diary],
        max_epochs=6,
        learning_rate_decay=0.5,
        decay_period=3,
        backbone_learning_rate=1e-3,
    ).fit(X, Y)
    rates = diary.rates[10::5]
    expected = [3e-3, 3e-3, 1e-3]
    np.testing.assert_allclose(rates[:3], [expected] * 3)
    np.testing.assert_allclose(rates[3:], [np.divide(expected, 2)] * 3)


def test_history_is_plain_python():
    class Odd(Callback):
        def on_epoch_end(self, net, **_):
            net.history.record("single", np.float32(0.5))
            net.history.record("truth", np.bool_(True))
            net.history.record("tensor", torch.ones(1, device="cpu"))

    model = quick(callbacks=[Odd], early_stopping=True).fit(X, Y)
    types = {type(v) for entry in model.history_ for v in entry.values()}
    assert types <= {int, float, str, bool}
    epoch = model.history_[0]
    assert epoch["single"] == 0.5
    assert epoch["truth"] is True
    assert "tensor" not in epoch
    assert json.loads(json.dumps(model.history_)) == model.history_
    assert model.loss_curve_ == [
        e["train_loss"] for e in model.history_ if "epoch" in e
    ]


def test_early_stopping_ends_a_stage_and_no_more():
    """The first epoch counts as progress, the next two can not."""
    options = {"early_stopping": True, "tol": 0.99, "n_iter_no_change": 2}
    model = quick(max_epochs=8, projection_period=4, **options).fit(X, Y)
    stages = [(e["stage"], e.get("epoch")) for e in model.history_]
    joint = [("joint", 1), ("joint", 2), ("joint", 3)]
    steps = [("projection", None), ("last layer", None)]
    assert stages == [("warm-up", 1), ("warm-up", 2), *joint, *steps, *joint, *steps]


def test_early_stopping_keeps_the_best_held_out_loss(monkeypatch):
    project = PartFit.project
    found = []

    def spy(self):
        network = self.network.eval().to(torch.float32)
        rows, y = self.validation.X, self.validation.y
        with torch.no_grad():
            outputs = network(torch.tensor(rows, dtype=torch.float32, device="cpu"))
            weight = torch.tensor(self.validation.weight, dtype=torch.float32)
            loss = model._losses()[0](outputs, torch.tensor(y), weight)
        found.append((len(self.history), float(loss)))
        project(self)

    monkeypatch.setattr(PartFit, "project", spy)
    model = quick(**STOPPING | {"learning_rate": 0.05, "batch_size": 30})
    model.fit(X, Y)
    (length, loss) = found[0]
    curve = [e["valid_loss"] for e in model.history_[:length] if e["stage"] == "joint"]
    assert len(curve) > 1
    assert loss == pytest.approx(min(curve), rel=1e-5)


def test_callbacks_of_users(capfd):
    diary = Diary()
    stop = skorch.callbacks.EarlyStopping("train_loss", patience=1, threshold=0.99)
    model = quick(
        callbacks=[("mine", diary), stop, skorch.callbacks.ProgressBar()]
    ).fit(X, Y)
    # Theirs ends a stage too, and is no interruption.
    assert diary.epochs == [
        (s, e) for s in ("warm-up", "joint", "joint") for e in (1, 2)
    ]
    assert diary.events == ["begin", "end"] * 3
    assert model.n_iter_ == 6
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "wrong", [print, ("mine", 3), (3, Callback()), "EarlyStopping", Exception]
)
def test_what_is_no_callback(wrong):
    with pytest.raises(ValueError, match=r"callbacks=.*skorch callback"):
        quick(callbacks=[wrong]).fit(X, Y)


def test_progress_goes_to_stderr(capfd):
    quick(verbose=1, early_stopping=True).fit(X, Y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "warm-up" in err
    assert "joint" in err
    assert "loss=" in err


def test_silence(capfd):
    quick(early_stopping=True).fit(X, Y)
    assert capfd.readouterr() == ("", "")


def test_progress_of_a_continued_fit(tmp_path, capfd):
    with pytest.raises(CrashError):
        quick(callbacks=[At(4, CrashError())], checkpoint_dir=tmp_path).fit(X, Y)
    quick(checkpoint_dir=tmp_path, verbose=1).fit(X, Y)
    lines = capfd.readouterr().err.replace("\r", "\n")
    assert "warm-up: 100%" in lines
    assert "joint:  50%" in lines


class Overflowing(torch.nn.Module):
    """No number once its input has moved away from the start."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * torch.where(self.weight == 1, 1.0, torch.inf) * self.weight


def test_a_loss_that_leaves_the_numbers():
    model = quick(backbone=torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), Overflowing()))
    words = "loss became (nan|inf) in epoch .* of stage 'joint'.*lower learning_rate"
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)


# Interruption.


@pytest.mark.parametrize("point", ["on_batch_begin", "on_batch_end"])
@pytest.mark.parametrize("epoch", [1, 4])
def test_an_interruption_keeps_the_model_so_far(epoch, point):
    model = quick(callbacks=[At(epoch, KeyboardInterrupt(), point)])
    with pytest.warns(RuntimeWarning, match="interrupted") as caught:
        model.fit(X, Y)
    assert [w.filename for w in caught] == [__file__], "the warning points here"
    assert f"after {epoch - 1} epochs" in str(caught[0].message)
    assert model.n_iter_ == len(model.loss_curve_) == epoch - 1
    stages = [e["stage"] for e in model.history_]
    assert stages[-2:] == ["projection", "last layer"]
    assert stages.count("projection") == (1 if epoch == 1 else 2) - (epoch == 4)
    # Projected: the similarity to the patch of its own image is 1.
    own = model.transform(X[model.prototype_indices_]).diagonal()
    np.testing.assert_allclose(own, 1.0, atol=1e-10)
    assert model.predict(X).shape == Y.shape


def test_an_interruption_keeps_the_best_epoch_of_early_stopping():
    model = quick(
        callbacks=[At(3, KeyboardInterrupt(), "on_batch_end")], early_stopping=True
    )
    with pytest.warns(RuntimeWarning, match="interrupted"):
        model.fit(X, Y)
    assert np.isfinite(model.predict_proba(X)).all()


def interrupted(function, times):
    """The function, interrupted the first few times."""
    calls = []

    def spy(*args, **kwargs):
        calls.append(1)
        if len(calls) <= times:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return spy


@pytest.mark.parametrize("step", ["closest_patches", "fit_heads"])
def test_an_interruption_between_epochs(step, monkeypatch):
    """The step is taken all the same, and no more is trained."""
    from sklearn_proto._training._deep import _part_fit

    original = getattr(_part_fit, step)
    monkeypatch.setattr(_part_fit, step, interrupted(original, 1))
    model = quick()
    with pytest.warns(RuntimeWarning, match="interrupted after 4 epochs"):
        model.fit(X, Y)
    own = model.transform(X[model.prototype_indices_]).diagonal()
    np.testing.assert_allclose(own, 1.0, atol=1e-10)


@pytest.mark.parametrize("step", ["closest_patches", "fit_heads"])
def test_a_second_interruption_undoes_the_fit(step, model, monkeypatch):
    from sklearn_proto._training._deep import _part_fit

    before = clone(model).fit(X, Y)
    original = getattr(_part_fit, step)
    monkeypatch.setattr(_part_fit, step, interrupted(original, 2))
    with pytest.raises(KeyboardInterrupt):
        before.fit(X[::-1] + 1, Y)
    assert_same_fit(before, model)


@pytest.mark.parametrize("step", ["closest_patches", "fit_heads"])
def test_an_interrupted_projection_is_undone(step, model, monkeypatch):
    from sklearn_proto._training._deep import _part_fit

    again = pickle.loads(pickle.dumps(model))
    original = getattr(_part_fit, step)
    monkeypatch.setattr(_part_fit, step, interrupted(original, 1))
    with pytest.raises(KeyboardInterrupt):
        again.project(X[:60], Y[:60])
    assert_same_fit(again, model)


# Devices.


def test_a_model_of_a_gpu_predicts_on_a_cpu(model, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    expected = model.predict_proba(X)
    there = pickle.loads(pickle.dumps(model)).set_params(device="cuda")
    here = pickle.loads(pickle.dumps(there))
    np.testing.assert_array_equal(here.predict_proba(X), expected)
    np.testing.assert_array_equal(
        here.explain(X[:2]).contributions, model.explain(X[:2]).contributions
    )
    # Steps that train no network need no GPU either.
    rows = here.project(X[:60], Y[:60]).prototype_indices_
    assert (rows < 60).all()
    here.prune(X, Y)
    with pytest.raises(ValueError, match=r"device='cuda' is not available.*'cpu'"):
        here.fit(X, Y)
    np.testing.assert_array_equal(there.predict_proba(X), expected)


# Weights.


def test_a_weight_of_two_is_a_repetition():
    rows, y = two_classes()
    options = {k: v for k, v in QUICK.items() if k != "image_shape"}
    weight = np.where(np.arange(len(rows)) % 3, 1.0, 2.0)
    weighted = ProtoPNetClassifier(**options).fit(rows, y, sample_weight=weight)
    often = np.repeat(np.arange(len(rows)), weight.astype(int))
    repeated = ProtoPNetClassifier(**options).fit(rows[often], y[often])
    for name in ("prototypes_", "coef_", "temperature_", "prototype_images_"):
        np.testing.assert_array_equal(getattr(weighted, name), getattr(repeated, name))
    plain = ProtoPNetClassifier(**options).fit(rows, y)
    assert not np.array_equal(plain.coef_, weighted.coef_)


@pytest.mark.slow
def test_class_weights_are_weights(model):
    weighted = quick(class_weight={0: 1.0, 1: 3.0, 2: 1.0}).fit(X, Y)
    by_row = quick().fit(X, Y, sample_weight=np.where(Y == 1, 3.0, 1.0))
    np.testing.assert_array_equal(weighted.coef_, by_row.coef_)
    np.testing.assert_array_equal(weighted.prototypes_, by_row.prototypes_)
    assert not np.array_equal(weighted.coef_, model.coef_)
    balanced = quick(class_weight="balanced").fit(X, Y)
    assert balanced.score(X, Y) > 0.6
