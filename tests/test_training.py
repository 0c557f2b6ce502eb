"""Stopping, continuing, interrupting and reporting a fit."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_proto import CBCClassifier, GLVQClassifier, RBFClassifier
from sklearn_proto._training import Monitor, Objective
from tests.data import three_classes
from tests.instances import both_estimators

X, Y = three_classes()
both_solvers = pytest.mark.parametrize("solver", ["lbfgs", "adam"])


def log_loss(model, rows, y):
    """Independent of the package's: mean of -log p."""
    encoded = np.searchsorted(model.classes_, y)
    return -np.mean(np.log(model.predict_proba(rows)[np.arange(len(y)), encoded]))


@both_solvers
@both_estimators
def test_warm_start_continues(Estimator, solver):
    options = {"solver": solver, "random_state": 0, "alpha": 0.0, "tol": 0.0}
    model = Estimator(2, max_iter=5, warm_start=True, **options).fit(X, Y)
    reached = log_loss(model, X, Y)
    first = model.loss_curve_
    assert model.n_iter_ == len(first) == 5
    model.fit(X, Y)
    cold = Estimator(2, max_iter=5, **options).fit(X, Y)
    assert cold.loss_curve_ == first, "without warm_start the fit starts afresh"
    assert model.loss_curve_[0] < first[0]
    assert log_loss(model, X, Y) < reached


@both_estimators
def test_warm_start_of_a_finished_fit_stays(Estimator):
    model = Estimator(warm_start=True, alpha=0.0, random_state=0).fit(X, Y)
    before = log_loss(model, X, Y)
    model.fit(X, Y)
    assert log_loss(model, X, Y) <= before + 1e-3
    assert model.loss_curve_[0] <= before + 1e-3


@both_solvers
@both_estimators
def test_early_stopping_watches_held_out_rows(Estimator, solver):
    model = Estimator(
        3,
        solver=solver,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=5,
        max_iter=200,
        learning_rate=0.1,
        random_state=0,
    ).fit(X, Y)
    curve = model.validation_curve_
    assert len(curve) == len(model.loss_curve_) == model.n_iter_ < 200
    assert min(curve) <= curve[-1]
    # What stops the fit: the last iterations brought no progress.
    reference = min(curve[:-5])
    assert min(curve[-5:]) > reference - 1e-3


@both_estimators
def test_early_stopping_keeps_the_best_held_out_loss(Estimator, monkeypatch):
    """The exported model has the best loss of validation_curve_ on those rows."""
    held_out = []
    evaluate = Objective.evaluate

    def spy(self, data):
        held_out.append(data)
        return evaluate(self, data)

    monkeypatch.setattr(Objective, "evaluate", spy)
    model = Estimator(3, early_stopping=True, validation_fraction=0.3, random_state=0)
    model.fit(X, Y)
    rows = held_out[-1]
    assert 0 < len(rows) < len(X)
    assert len(np.unique(rows.y)) == 3
    found = log_loss(model, rows.X, model.classes_[rows.y])
    assert found == pytest.approx(min(model.validation_curve_), rel=1e-6)


@both_solvers
@both_estimators
def test_interruption_keeps_the_best_model(Estimator, solver, monkeypatch):
    update = Monitor.update

    def interrupted(self, loss):
        if len(self.loss_curve) == 7:
            raise KeyboardInterrupt
        return update(self, loss)

    monkeypatch.setattr(Monitor, "update", interrupted)
    model = Estimator(2, solver=solver, alpha=0.0, batch_size=len(X), random_state=0)
    with pytest.warns(RuntimeWarning, match="interrupted after 7 iterations"):
        model.fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 7
    assert model.predict(X).shape == Y.shape
    if solver == "lbfgs":  # an epoch of Adam reports the loss before its last step
        found = log_loss(model, X, Y)
        assert found == pytest.approx(min(model.loss_curve_), rel=1e-9)


@both_estimators
def test_interruption_inside_an_evaluation(Estimator, monkeypatch):
    """Ctrl-C may come anywhere, also in the middle of a line search."""
    value_and_gradient = Objective.value_and_gradient
    calls = []

    def interrupted(self, chunks):
        calls.append(1)
        if len(calls) == 15:
            raise KeyboardInterrupt
        return value_and_gradient(self, chunks)

    monkeypatch.setattr(Objective, "value_and_gradient", interrupted)
    model = Estimator(2, alpha=0.0, random_state=0)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        model.fit(X, Y)
    found = log_loss(model, X, Y)
    assert found == pytest.approx(min(model.loss_curve_), rel=1e-9)


@both_estimators
def test_interruption_stops_a_fit_in_stages(Estimator, monkeypatch):
    """One Ctrl-C is enough: the second stage does not run to its end."""
    update = Monitor.update
    calls = []

    def interrupted(self, loss):
        calls.append(loss)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return update(self, loss)

    monkeypatch.setattr(Monitor, "update", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        Estimator(loss="margin", max_iter=30, random_state=0).fit(X, Y)
    assert len(calls) == 4


@both_estimators
def test_other_errors_are_not_swallowed(Estimator, monkeypatch):
    def broken(self, loss):
        raise MemoryError("full")

    monkeypatch.setattr(Monitor, "update", broken)
    with pytest.raises(MemoryError, match="full"):
        Estimator(random_state=0).fit(X, Y)


@pytest.mark.parametrize("verbose", [0, 1])
@both_estimators
def test_progress_goes_to_stderr(Estimator, verbose, capfd):
    Estimator(max_iter=10, verbose=verbose, random_state=0).fit(X, Y)
    out, err = capfd.readouterr()
    assert out == ""
    if verbose:
        assert "fit" in err
        assert "loss=" in err
    else:
        assert err == ""


@both_solvers
@both_estimators
def test_an_exhausted_budget_warns(Estimator, solver):
    model = Estimator(2, max_iter=1, solver=solver, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        model.fit(X, Y)
    assert model.n_iter_ == 1


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@both_estimators
def test_a_finished_fit_does_not_warn(Estimator):
    model = Estimator(tol=1e-2, random_state=0).fit(X, Y)
    assert model.n_iter_ < 500


@both_estimators
def test_lbfgs_never_goes_up(Estimator):
    curve = Estimator(2, max_iter=50, random_state=0).fit(X, Y).loss_curve_
    assert (np.diff(curve) <= 1e-12).all()


@pytest.mark.parametrize("loss", ["log_loss", "margin", "robust"])
def test_training_lowers_its_own_loss(loss):
    model = CBCClassifier(2, loss=loss, max_iter=10, random_state=0).fit(X, Y)
    assert min(model.loss_curve_) <= model.loss_curve_[0]


@both_solvers
@both_estimators
def test_clipped_prototypes_stay_in_the_data_box(Estimator, solver):
    options = {"solver": solver, "learning_rate": 1.0, "max_iter": 60}
    free = Estimator(2, random_state=0, **options).fit(X, Y).prototypes_
    box = X.min(axis=0), X.max(axis=0)
    if solver == "lbfgs":
        assert (free < box[0]).any() or (free > box[1]).any(), "nothing to clip"
    model = Estimator(2, clip_prototypes=True, random_state=0, **options).fit(X, Y)
    assert (model.prototypes_ >= box[0]).all()
    assert (model.prototypes_ <= box[1]).all()


@both_solvers
@both_estimators
def test_clipping_from_a_start_outside_the_box(Estimator, solver):
    init = np.vstack([X[c == Y].mean(axis=0) for c in range(3)]) + 20
    model = Estimator(
        init=init, clip_prototypes=True, max_iter=3, sigma=500.0, solver=solver
    )
    model.fit(X, Y)
    assert (model.prototypes_ <= X.max(axis=0)).all()


@pytest.mark.parametrize("loss", ["log_loss", "margin"])
@both_estimators
def test_snapped_prototypes_are_rows(Estimator, loss):
    model = Estimator(2, snap_to_data=True, loss=loss, max_iter=30, random_state=0).fit(
        X, Y
    )
    np.testing.assert_array_equal(model.prototypes_, X[model.prototype_indices_])
    np.testing.assert_array_equal(model.prototype_labels_, Y[model.prototype_indices_])


def test_snapped_rows_are_counted_in_what_was_given():
    """Rows of weight zero stay in the count: the index is one into X."""
    weight = np.ones(len(X))
    weight[: len(X) // 2] = 0
    model = RBFClassifier(snap_to_data=True, max_iter=30, random_state=0)
    model.fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(model.prototypes_, X[model.prototype_indices_])
    assert (weight[model.prototype_indices_] > 0).all()


@both_estimators
def test_fixed_sigma_stays(Estimator):
    model = Estimator(sigma=1.5, learn_sigma=False, max_iter=10, random_state=0)
    np.testing.assert_allclose(model.fit(X, Y).sigma_, 1.5, rtol=1e-12)
    learned = Estimator(sigma=1.5, max_iter=10, random_state=0).fit(X, Y).sigma_
    assert not np.allclose(learned, 1.5)
    assert np.ptp(learned) == 0


def test_prototypes_per_class_may_differ():
    model = RBFClassifier([1, 2, 3], max_iter=5, random_state=0).fit(X, Y)
    assert model.prototype_labels_.tolist() == [0, 1, 1, 2, 2, 2]


def test_tangents_are_orthonormal():
    model = RBFClassifier(metric="tangent", n_tangents=2, max_iter=10, random_state=0)
    tangents = model.fit(X, Y).tangents_
    assert tangents.shape == (3, 4, 2)
    for t in tangents:
        np.testing.assert_allclose(t.T @ t, np.eye(2), atol=1e-12)


def test_concurrent_fits_restore_the_threads():
    from concurrent.futures import ThreadPoolExecutor

    before = torch.get_num_threads()
    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(RBFClassifier(max_iter=10, random_state=0).fit, X, Y)
            for _ in range(6)
        ]
        models = [job.result() for job in jobs]
    assert torch.get_num_threads() == before
    for model in models:
        np.testing.assert_array_equal(model.prototypes_, models[0].prototypes_)


@both_estimators
def test_exchanged_rows_are_no_worse_than_the_nearest(Estimator, monkeypatch):
    """Of the objective that snapping minimises, and a fall is reported."""
    rows, y = three_classes(40, 8, seed=5)
    options = {"snap_to_data": True, "random_state": 0}
    with monkeypatch.context() as patch:
        patch.setattr("sklearn_proto.shallow._shallow._CANDIDATES", ())
        patch.setattr("sklearn_proto.shallow._shallow._SNAP_LOSS", 1.0)
        nearest = Estimator(**options).fit(rows, y)
        patch.undo()
        patch.setattr("sklearn_proto.shallow._shallow._SNAP_LOSS", 1.0)
        exchanged = Estimator(**options).fit(rows, y)
    assert not np.array_equal(exchanged.prototype_indices_, nearest.prototype_indices_)
    assert min(exchanged.loss_curve_) < min(nearest.loss_curve_)
    free = Estimator(random_state=0).fit(rows, y).score(rows, y)
    change = exchanged.score(rows, y) - free
    assert exchanged.snap_score_change_ == pytest.approx(change, abs=1e-12)


def test_snapping_that_costs_more_than_stated_warns():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 50)
    rows = rng.normal(size=(4, 40))[y] + 1.6 * rng.normal(size=(200, 40))
    with pytest.warns(UserWarning, match="lowers the accuracy") as caught:
        model = GLVQClassifier(snap_to_data=True, random_state=0).fit(rows, y)
    assert model.snap_score_change_ < -0.01
    assert caught[0].filename == __file__
