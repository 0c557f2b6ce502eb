"""A view whose scores are not those that the bounds read is never certified."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import (
    CBCClassifier,
    CBCNetClassifier,
    GLVQClassifier,
    PrototypeAutoencoderClassifier,
)
from sklearn_proto._modules import PartNetwork
from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
    WholePrototypeView,
)
from sklearn_proto.robustness import (
    certified_accuracy_score,
    certified_radius,
    empirical_radius,
    exact_radius,
)
from tests.data import three_classes
from tests.instances import INSTANCES
from tests.views import ViewClassifier, nearest_prototype

X, Y = three_classes()
ROWS = X[::15]
W = np.array([[0.0, 0.0], [4.0, 0.0]])
NEAREST = NearestPrototypeView(W, np.array([0, 1]), 2)
SIMILAR = nearest_prototype(W).view
PLACES = np.array([[0.5, 0.0], [3.9, 1.0]])


def replaced(cls, name, function):
    """A subclass of a view that scores rows in its own way."""
    return dataclass(frozen=True)(
        type(f"Other{cls.__name__}", (cls,), {name: function})
    )


def moved(method):
    """What a hook returns at another row than the one that it is asked about."""
    return lambda self, x: getattr(super(type(self), self), method)(x + 1.0)


HOOKS = {
    NearestPrototypeView: [
        "squared_distances",
        "lengths",
        "unrooted_lengths",
        "dissimilarities",
        "nearest",
        "class_scores",
        "winners",
        "rounding",
        "feature_terms",
    ],
    SimilarityView: [
        "squared_distances",
        "exponents",
        "similarities",
        "concept_scores",
        "class_scores",
        "winners",
        "relative_rounding",
    ],
}
EVERY_HOOK = [(cls, name) for cls, names in HOOKS.items() for name in names]


def of_another_class(view, cls):
    parts = {n: getattr(view, n) for n in type(view).__dataclass_fields__}
    return cls(**parts)


@pytest.mark.parametrize(
    ("cls", "name"), EVERY_HOOK, ids=lambda v: getattr(v, "__name__", v)
)
@pytest.mark.parametrize("ask", [certified_radius, exact_radius])
def test_a_subclass_of_a_view_is_refused(ask, cls, name):
    view = NEAREST if cls is NearestPrototypeView else SIMILAR
    other = of_another_class(view, replaced(cls, name, moved(name)))
    with pytest.raises(TypeError, match=rf"Other{cls.__name__}.*{cls.__name__} itself"):
        ask(ViewClassifier(other), PLACES)
    assert (certified_radius(ViewClassifier(view), PLACES) > 0).all()


@pytest.mark.parametrize("view", [NEAREST, SIMILAR], ids=["nearest", "similarity"])
def test_methods_replaced_on_the_object_are_refused(view):
    changed = replace(view)
    object.__setattr__(changed, "class_scores", lambda x: -x)
    with pytest.raises(TypeError, match=r"\['class_scores'\].*were replaced"):
        certified_radius(ViewClassifier(changed), PLACES)


def test_what_a_hook_changes_was_certified_falsely():
    """D_0 = x^2 - 9 and D_1 = (x - 4)^2 meet 0.875 from 4; arrays alone say 2."""

    def shifted(self, x):
        d = NearestPrototypeView.dissimilarities(self, x)
        return d - self.tensor(np.array([9.0, 0.0]))

    cls = replaced(NearestPrototypeView, "dissimilarities", shifted)
    line = np.array([[0.0], [4.0]]), np.array([0, 1]), 2
    model = ViewClassifier(cls(*line))
    assert model.predict([[4 - 0.87], [4 - 0.88]]).tolist() == [1, 0]
    with pytest.raises(TypeError, match="may score rows otherwise"):
        certified_radius(model, [[4.0]])
    found = empirical_radius(model, [[4.0]], random_state=0)
    assert found.radius[0] == pytest.approx(0.875, rel=1e-3)


def deep_views():
    images = np.random.default_rng(0).random((12, 16))
    y = np.arange(12) % 2
    part = CBCNetClassifier(
        image_shape=(4, 4), max_epochs=1, lipschitz=True, n_channels=4, random_state=0
    )
    whole = PrototypeAutoencoderClassifier(
        2, n_channels=4, n_latent_channels=2, max_epochs=1, random_state=0
    )
    return images, part.fit(images, y), whole.fit(images, y)


def test_deep_views_of_another_class_are_refused():
    images, part, whole = deep_views()
    assert (certified_radius(part, images) >= 0).all()
    for model, cls in ((part, PartPrototypeView), (whole, WholePrototypeView)):
        view = model.certifiable_view()
        assert type(view) is cls
        other = type("Other", (cls,), {"class_scores": moved("class_scores")})
        model.certifiable_view = lambda other=other, view=view: other(**vars(view))
        with pytest.raises(TypeError, match=r"no certificate for a Other.*Smoothed"):
            certified_radius(model, images)


def test_a_network_of_another_class_is_refused():
    images, part, _ = deep_views()

    class Other(PartNetwork):
        def forward(self, x):
            return super().forward(1 - x)

    view = part.certifiable_view()
    view.network.__class__ = Other
    part.certifiable_view = lambda: view
    with pytest.raises(ValueError, match="Other must be a PartNetwork itself"):
        certified_radius(part, images)


UNSOUND = {
    "owners": {"owners": np.array([1, 0])},
    "index": {"owners": np.array([0, 2])},
    "metric": {"metric": "cosine"},
    "finite": {"prototypes": np.array([[0.0, np.nan], [4.0, 0.0]])},
    "orthonormal": {"tangents": np.full((2, 2, 1), 1.0)},
    "exclude": {"metric": "manhattan", "omega": np.eye(2)},
}


@pytest.mark.parametrize("word", UNSOUND)
def test_arrays_that_a_view_reads_otherwise_are_refused(word):
    view = replace(NEAREST, **UNSOUND[word])
    with pytest.raises(ValueError, match=word):
        certified_radius(ViewClassifier(view), PLACES)


@pytest.mark.parametrize(
    ("word", "change"),
    [
        ("sigma", {"sigma": np.array([1.0, -1.0])}),
        ("metric", {"metric": "manhattan"}),
        ("coefficients", {"coefficients": np.full((2, 1, 2), np.inf)}),
        ("offsets", {"offsets": np.full((2, 1), np.nan)}),
        ("orthonormal", {"metric": "tangent", "tangents": np.full((2, 2, 1), 2.0)}),
    ],
)
def test_arrays_of_a_similarity_view_are_refused_too(word, change):
    view = replace(SIMILAR, **change)
    with pytest.raises(ValueError, match=word):
        certified_radius(ViewClassifier(view), PLACES)


def fitted(cls, **more):
    return cls(random_state=0, max_iter=20, **more).fit(X, Y)


@pytest.mark.parametrize("base", [GLVQClassifier, CBCClassifier])
@pytest.mark.parametrize("name", ["predict", "decision_function"])
def test_an_estimator_that_predicts_otherwise_is_refused(name, base):
    """It would agree with its view on most rows, and not around them."""

    def scored(self, X):
        return getattr(base, name)(self, np.asarray(X) * 1.01)

    changed = type("Changed", (base,), {name: scored})
    model = fitted(changed)
    for ask in (certified_radius, exact_radius, changed.certified_radius):
        with pytest.raises(TypeError, match=f"Changed overrides {name} but inherits"):
            ask(model, ROWS)
    with pytest.raises(TypeError, match="Changed overrides"):
        certified_accuracy_score(
            make_pipeline(StandardScaler(), changed(max_iter=5, random_state=0)).fit(
                X, Y
            ),
            X,
            Y,
            0.1,
        )
    with pytest.raises(TypeError, match="Changed overrides"):
        certified_radius(FrozenEstimator(model), ROWS)


def test_methods_replaced_on_an_estimator_are_refused():
    model = fitted(GLVQClassifier)
    model.predict = lambda X: np.zeros(len(X))
    with pytest.raises(TypeError, match="overrides predict"):
        certified_radius(model, ROWS)


class Honest(GLVQClassifier):
    """Says itself what its view is."""

    def predict(self, X):
        return super().predict(X)

    def certifiable_view(self):
        return super().certifiable_view()


def test_a_class_that_overrides_both_is_taken_at_its_word():
    plain = fitted(GLVQClassifier).certified_radius(ROWS)
    np.testing.assert_array_equal(fitted(Honest).certified_radius(ROWS), plain)


class Inverted(Honest):
    """Its word is false, which every row shows."""

    def predict(self, X):
        return self.classes_[::-1][np.searchsorted(self.classes_, super().predict(X))]

    def certifiable_view(self):
        return super().certifiable_view()


@pytest.mark.parametrize("ask", [certified_radius, exact_radius])
def test_rows_that_are_predicted_otherwise_are_refused(ask):
    model = fitted(Inverted)
    words = "predicted as .* but certifiable_view\\(\\) scores .* highest"
    with pytest.raises(TypeError, match=words):
        ask(model, ROWS)
    middle = GLVQClassifier.predict(model, ROWS) == model.classes_[1]
    ask(model, ROWS[middle])


def test_ties_are_not_refused():
    class Last(ViewClassifier):
        """A tie goes to the last class."""

        def predict(self, X):
            s = self.decision_function(X)
            return s.shape[1] - 1 - s[:, ::-1].argmax(1)

        def certifiable_view(self):
            return self.view

    found = certified_radius(Last(NEAREST), [[2.0, 5.0], [1.0, 0.0]])
    np.testing.assert_allclose(found, [0.0, 1.0])


@pytest.mark.parametrize("name", ["glvq", "lgmlvq", "gtlvq", "rslvq", "cbc", "rbf"])
def test_views_of_the_package_are_of_a_class_that_is_certified(name):
    model = INSTANCES[name].fit(X, Y)
    assert type(model.certifiable_view()) in (NearestPrototypeView, SimilarityView)
    assert (model.certified_radius(ROWS) > 0).any()
    assert torch.is_grad_enabled()
