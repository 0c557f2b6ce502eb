"""What is certified is what predicts: views and estimators that could differ."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from sklearn_proto import CBCClassifier, GLVQClassifier, RBFClassifier
from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
    WholePrototypeView,
)
from sklearn_proto.robustness import (
    certified_accuracy_score,
    certified_radius,
    exact_radius,
)
from tests.data import three_classes
from tests.views import ViewClassifier, nearest_prototype

X, Y = three_classes()


@dataclass(frozen=True)
class Shifted(NearestPrototypeView):
    """D_0 = x^2 - 9 and D_1 = (x - 4)^2: the boundary is at 25 / 8, not at 2."""

    def dissimilarities(self, x):
        return super().dissimilarities(x) - self.tensor(np.array([9.0, 0.0]))


@pytest.mark.parametrize("certify", [certified_radius, exact_radius])
def test_a_view_that_scores_otherwise_than_the_bounds_read(certify):
    view = Shifted(np.array([[0.0], [4.0]]), np.array([0, 1]), 2)
    rows = np.array([[4.0], [2.2]])
    # Between them the class changes, 1.8 from the first.
    np.testing.assert_array_equal(ViewClassifier(view).predict(rows), [1, 0])
    with pytest.raises(TypeError, match="Shifted: the bounds read the arrays"):
        certify(ViewClassifier(view), rows)


@pytest.mark.parametrize(
    "Base",
    [SimilarityView, NearestPrototypeView, PartPrototypeView, WholePrototypeView],
)
def test_no_subclass_of_a_view_is_certified(Base):
    """Whatever it overrides, and were it nothing: the exact class decides."""

    class Derived(Base):
        pass

    view = object.__new__(Derived)
    model = RBFClassifier(max_iter=1).fit(X, Y)
    model.certifiable_view = lambda: view
    with pytest.raises(TypeError, match="no certificate for a Derived"):
        certified_radius(model, X[:2])


class Cautious(CBCClassifier):
    """Predicts the first class unless another one leads by far."""

    def predict(self, X):
        p = self.predict_proba(X)
        return self.classes_[np.where(p.max(1) > 0.9, p.argmax(1), 0)]


class Reweighted(GLVQClassifier):
    def decision_function(self, X):
        return super().decision_function(X) + np.arange(3)


class Documented(Cautious):
    """Says what it predicts, for which it alone can be responsible."""

    def certifiable_view(self):
        return super().certifiable_view()


@pytest.mark.parametrize(
    ("model", "name"),
    [(Cautious(max_iter=3), "predict"), (Reweighted(), "decision_function")],
)
def test_an_estimator_that_predicts_otherwise_than_its_view(model, name):
    model.fit(X, Y)
    calls = (
        lambda: model.certified_radius(X[:2]),
        lambda: certified_radius(model, X[:2]),
        lambda: exact_radius(model, X[:2]),
        lambda: certified_accuracy_score(model, X, Y, 0.1),
    )
    for call in calls:
        with pytest.raises(TypeError, match=f"overrides {name} but inherits"):
            call()


def test_an_estimator_whose_predict_is_replaced():
    model = RBFClassifier(max_iter=3).fit(X, Y)
    model.predict = lambda X: np.zeros(len(X))
    with pytest.raises(TypeError, match="overrides predict"):
        certified_radius(model, X[:2])


def test_a_subclass_that_gives_its_own_view_is_certified():
    assert Documented(max_iter=3).fit(X, Y).certified_radius(X[:2]).shape == (2,)


ORTHONORMAL = np.linalg.qr(np.ones((2, 2, 1))).Q
NEAREST = NearestPrototypeView(np.eye(2), np.array([0, 1]), 2)
TANGENT = replace(NEAREST, tangents=ORTHONORMAL)
SIMILARITY = nearest_prototype(np.eye(2)).view


@pytest.mark.parametrize(
    ("view", "changes", "message"),
    [
        (NEAREST, {"owners": np.array([1, 0])}, "owners"),
        (NEAREST, {"owners": np.array([0, 2])}, "owners"),
        (NEAREST, {"owners": np.array([0])}, "owners"),
        (NEAREST, {"metric": "cosine"}, "metric='cosine'"),
        (NEAREST, {"prototypes": np.full((2, 2), np.nan)}, "prototypes"),
        (NEAREST, {"omega": np.full((1, 2), np.inf)}, "omega"),
        (TANGENT, {"tangents": 2 * ORTHONORMAL}, "tangents"),
        (TANGENT, {"omega": np.eye(2)}, "exclude"),
        (TANGENT, {"metric": "manhattan"}, "exclude"),
        (SIMILARITY, {"metric": "manhattan"}, "metric='manhattan'"),
        (SIMILARITY, {"sigma": np.array([1.0, 0.0])}, "sigma"),
        (SIMILARITY, {"sigma": np.array([1.0])}, "sigma"),
        (SIMILARITY, {"offsets": np.full((2, 1), np.nan)}, "offsets"),
        (SIMILARITY, {"coefficients": np.full((2, 1, 2), np.inf)}, "coefficients"),
    ],
)
def test_arrays_that_break_the_contract_are_refused(view, changes, message):
    model = ViewClassifier(view)
    assert (certified_radius(model, np.eye(2)) > 0).all()
    model.view = replace(view, **changes)
    with pytest.raises(ValueError, match=message):
        certified_radius(model, np.eye(2))
