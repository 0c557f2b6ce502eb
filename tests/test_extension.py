"""Every route of "Extending" in the guide, taken from outside of the package.

Only public modules are imported here: what an extension needs is in
``sklearn_proto.extension``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline

from sklearn_proto import (
    CBCNetClassifier,
    GLVQClassifier,
    ProtoPNetClassifier,
    RBFClassifier,
)
from sklearn_proto.extension import (
    CERTIFICATES,
    LIKELIHOODS,
    LOSSES,
    NEAREST_CERTIFICATES,
    RBF_HEADS,
    SIMILARITIES,
    SOLVERS,
    Affine,
    Certificate,
    ExpDistance,
    Explanation,
    Head,
    Metric,
    NearestPrototypeClassifier,
    NearestPrototypeView,
    PatchPrototypes,
    SimilarityClassifier,
    linear_contributions,
    register_affine,
    row_summary,
)
from sklearn_proto.inspection import explain
from sklearn_proto.robustness import certified_radius, empirical_radius
from tests.data import three_classes

X, Y = three_classes()
QUICK = {"max_iter": 20, "random_state": 0}


def holds(model, rows=X[:12], method="auto"):
    """Whether no attack flips a prediction within its radius; radii are of use."""
    radius = certified_radius(model, rows, method=method)
    found = empirical_radius(model, rows, random_state=0).radius
    assert (radius <= found).all()
    return (radius > 0).mean() > 0.7


# A head, by name and as an estimator of its own


class OneStrengthPerClass(Head):
    """Every prototype of a class speaks for it with one strength."""

    def __init__(self, owners):
        super().__init__(owners, temperature=1.0)
        self.owners = owners[:, 0]
        self.strength = torch.nn.Parameter(torch.zeros_like(owners[:, 0, :1]))

    def affine(self):
        weights = self.strength.exp() * self.owners
        return Affine(weights[:, None], torch.zeros_like(weights[:, :1]))

    def arrays(self):
        weights = self.affine().coefficients[:, 0].detach().numpy()
        return {"coef_": weights, "intercept_": np.zeros(len(weights))}


def test_a_head_by_name(monkeypatch):
    with pytest.raises(ValueError, match=r"weights.*Got 'per class'"):
        RBFClassifier(weights="per class", **QUICK).fit(X, Y)
    monkeypatch.setitem(RBF_HEADS, "per class", OneStrengthPerClass)
    model = RBFClassifier(2, weights="per class", **QUICK).fit(X, Y)
    own = model.prototype_labels_ == model.classes_[:, None]
    assert ((model.coef_ > 0) == own).all()
    assert_allclose(model.coef_.max(1), model.coef_.sum(1) / 2)
    e = model.explain(X[:3])
    assert_allclose(e.contributions.sum(-1) + e.baseline, e.scores, atol=1e-9)
    assert holds(model)


class Balls(Head):
    """A class is a ball: its similarity must exceed a threshold of its own."""

    def __init__(self, owners):
        super().__init__(owners, temperature=0.1)
        self.owners = owners[:, 0]
        self.threshold = torch.nn.Parameter(torch.full_like(owners[:, 0, 0], 0.5))

    def affine(self):
        return Affine(self.owners[:, None], -self.threshold[:, None])

    def arrays(self):
        return {"thresholds_": self.threshold.detach().numpy().astype(float)}


class BallClassifier(SimilarityClassifier):
    """A head with a radius for each class is an estimator of its own."""

    def _make_head(self, owners):
        return Balls(owners)

    def _affine(self):
        own = self.prototype_labels_ == self.classes_[:, None]
        return own[:, None].astype(float), -self.thresholds_[:, None]

    def _contributions(self, similarities):
        coefficients, offsets = self._affine()
        return linear_contributions(similarities, coefficients[:, 0], offsets[:, 0])


def test_a_head_with_a_radius_for_each_class():
    model = BallClassifier(2, **QUICK).fit(X, Y)
    assert model.score(X, Y) >= 0.8
    assert model.thresholds_.shape == (3,)
    e = model.explain(X[:3])
    assert_allclose(e.baseline, -model.thresholds_)
    assert_allclose(e.contributions.sum(-1) + e.baseline, e.scores, atol=1e-9)
    assert holds(model)


# A loss


def squared_hinge(outputs, y):
    own = outputs.scores.gather(1, y[:, None])
    rivals = outputs.scores.scatter(1, y[:, None], -torch.inf).amax(1, keepdim=True)
    return (1.0 - own + rivals).clamp_min(0.0).square().squeeze(1)


def test_a_loss(monkeypatch):
    monkeypatch.setitem(LOSSES, "squared_hinge", lambda _: squared_hinge)
    model = RBFClassifier(loss="squared_hinge", **QUICK).fit(X, Y)
    scores = np.sort(model.certifiable_view().class_scores(torch.tensor(X)).numpy())
    expected = np.maximum(1 - scores[:, -1] + scores[:, -2], 0) ** 2
    if model.score(X, Y) == 1.0:
        assert model.loss_curve_[-1] == pytest.approx(expected.mean(), rel=1e-6)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert "squared_hinge" not in LIKELIHOODS
    with pytest.raises(ValueError, match=r"'loss'.*'squared_hinge'"):
        RBFClassifier(loss="other").fit(X, Y)


# A bound


class Lipschitz(Certificate):
    """A similarity ``exp(-D / s)`` is nowhere steeper than ``sqrt(2 / (e s))``."""

    name = "lipschitz"

    def why_not_applicable(self, view, perturbations):
        if view.metric != "sqeuclidean" or view.normalized:
            return "it needs plain Gaussian kernels"
        return None

    def radius(self, gaps):
        slopes = (2 / np.e / gaps.geometry.widths).sqrt()
        similarities = (gaps.exponents + gaps.level[:, None]).exp()
        gap = (gaps.weights * similarities).sum(1) + gaps.constant
        reach = (gaps.weights.abs() * slopes).sum(1) * gaps.perturbations.lipschitz
        return gap.clamp_min(0.0) / reach


def test_a_bound(monkeypatch):
    model = RBFClassifier(2, **QUICK).fit(X, Y)
    before = model.certified_radius(X[:12])
    monkeypatch.setitem(CERTIFICATES, "lipschitz", Lipschitz())
    own = model.certified_radius(X[:12], method="lipschitz")
    assert holds(model, method="lipschitz")
    # By hand: the smallest lead over the sum of all slopes.
    view = model.certifiable_view()
    scores = np.sort(view.class_scores(torch.tensor(X[:12])).numpy())
    assert (own > 0).sum() == ((scores[:, -1] - scores[:, -2]) > 0).sum()
    assert (own <= before).all()
    # It is weaker than "auto" here, so that one stays what it was.
    assert_array_equal(model.certified_radius(X[:12]), before)
    euclidean = RBFClassifier(metric="euclidean", **QUICK).fit(X, Y)
    with pytest.raises(ValueError, match="needs plain Gaussian kernels"):
        euclidean.certified_radius(X[:2], method="lipschitz")


class Told(Certificate):
    """Says what it is told, to see who asks."""

    name = "told"

    def __init__(self, size):
        self.size = size

    def radius(self, gaps):
        return torch.full_like(gaps.constant, self.size)


def test_a_bound_reaches_auto(monkeypatch):
    models = [RBFClassifier(2, **QUICK), GLVQClassifier(**QUICK)]
    tables = [CERTIFICATES, NEAREST_CERTIFICATES]
    for model, table in zip(models, tables, strict=True):
        before = model.fit(X, Y).certified_radius(X[:12])
        size = float(np.median(before))
        monkeypatch.setitem(table, "told", _told_rows(size, table))
        found = model.certified_radius(X[:12])
        assert_allclose(found, np.maximum(before, size), rtol=1e-6)


def _told_rows(size, table):
    told = Told(size)
    if table is NEAREST_CERTIFICATES:
        told.radius = lambda batch: torch.full_like(batch.z[:, 0], size)
    return told


# A view


class CentroidClassifier(ClassifierMixin, BaseEstimator):
    """scikit-learn's NearestCentroid, certified."""

    def fit(self, X, y):
        self.inner_ = NearestCentroid().fit(X, y)
        self.classes_, self.n_features_in_ = self.inner_.classes_, X.shape[1]
        return self

    def predict(self, X):
        return self.inner_.predict(X)

    def certifiable_view(self):
        w = self.inner_.centroids_
        return NearestPrototypeView(w, np.arange(len(w)), len(w), metric="sqeuclidean")


def test_a_view():
    model = CentroidClassifier().fit(X, Y)
    assert holds(model)
    w, d = model.inner_.centroids_, X[:12, None] - model.inner_.centroids_
    squares = (d**2).sum(2)
    near = squares.argmin(1)
    # One hyperplane to each other centroid; the nearest of them decides.
    with np.errstate(invalid="ignore"):
        planes = (squares - squares.min(1, keepdims=True)) / (
            2 * np.linalg.norm(w[near][:, None] - w, axis=2)
        )
    radius = certified_radius(model, X[:12], method="exact")
    assert_allclose(radius, np.nanmin(planes, axis=1), rtol=1e-9)


class Shifted(NearestPrototypeView):
    """Scores rows otherwise than its arrays say."""

    def distances(self, x):
        return super().distances(x) + torch.arange(len(self.prototypes))


def test_a_subclass_of_a_view_is_refused():
    class Model(CentroidClassifier):
        def certifiable_view(self):
            w = self.inner_.centroids_
            return Shifted(w, np.arange(len(w)), len(w), metric="sqeuclidean")

    with pytest.raises(TypeError, match="no certificate for a Shifted"):
        certified_radius(Model().fit(X, Y), X[:2])


# A transformer


class Doubling(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return 2.0 * np.asarray(X)


def test_a_transformer():
    model = GLVQClassifier(**QUICK)
    piped = make_pipeline(Doubling(), model).fit(X, Y)
    with pytest.raises(ValueError, match=r"'doubling': Doubling is not known"):
        certified_radius(piped, X[:2])
    register_affine(Doubling, lambda step: 2.0 * np.eye(step.n_features_in_))
    radius = certified_radius(piped, X[:12])
    assert_allclose(radius, certified_radius(model, 2 * X[:12]) / 2, rtol=1e-9)


# A solver


def gradient_descent(objective, data, monitor, options):
    chunks = list(objective.chunks(data))
    with monitor:
        while True:
            loss, gradient = objective.value_and_gradient(chunks)
            if monitor.update(float(loss)):
                return
            with torch.no_grad():
                for p, g in zip(objective.parameters, gradient, strict=True):
                    p -= options.learning_rate * g


def test_a_solver(monkeypatch):
    monkeypatch.setitem(SOLVERS, "descent", gradient_descent)
    model = RBFClassifier(solver="descent", learning_rate=0.05, **QUICK).fit(X, Y)
    assert len(model.loss_curve_) <= 20
    assert (np.diff(model.loss_curve_) < 0).all()
    assert holds(model)


# A metric


class Weighted(Metric):
    """``sum_f a_f (x_f - w_f)^2`` with weights that the user gives."""

    def __init__(self, weights):
        super().__init__()
        self.root = torch.tensor(np.sqrt(weights))

    def forward(self, x, w):
        root = self.root.to(x)
        return torch.cdist(x * root, w * root).square()


class WeightedLVQ(NearestPrototypeClassifier):
    """An LVQ whose metric is given."""

    _parameter_constraints = {
        **NearestPrototypeClassifier._parameter_constraints,
        "weights": ["array-like"],
    }

    def __init__(self, n_prototypes_per_class=1, *, weights=(), max_iter=20):
        super().__init__(n_prototypes_per_class, max_iter=max_iter, random_state=0)
        self.weights = weights

    def _make_metric(self, start):
        return self._fitted_metric()

    def _fitted_metric(self):
        return Weighted(self.weights)

    def _view_options(self):
        return {"omega": np.diag(np.sqrt(self.weights))}


def test_a_metric():
    weights = np.array([4.0, 1.0, 0.25, 1.0])[: X.shape[1]]
    model = WeightedLVQ(weights=weights).fit(X, Y)
    root = np.sqrt(weights)
    distances = ((X[:, None] - model.prototypes_) ** 2 * weights).sum(2)
    assert_array_equal(
        model.predict(X), model.prototype_labels_[distances.argmin(axis=1)]
    )
    assert_allclose(model.explain(X[:3]).winning_distances, distances[:3], rtol=1e-9)
    # A ball of the weighted metric's own shape is one of the plain metric.
    plain = GLVQClassifier(init=model.prototypes_ * root, max_iter=1, random_state=0)
    plain.fit(X * root, Y)
    plain.prototypes_ = model.prototypes_ * root
    expected = certified_radius(plain, X[:12] * root)
    found = certified_radius(model, X[:12], feature_scale=1 / root)
    assert_allclose(found, expected, rtol=1e-6)


# A display


class LargestPartDisplay:
    """What counts most for each of a few rows, in one line each."""

    def __init__(self, labels, sizes):
        self.labels, self.sizes = labels, sizes

    @classmethod
    def from_estimator(cls, estimator, X):
        rows = [row_summary(row, 1).parts[0] for row in explain(estimator, X)]
        return cls([r.label for r in rows], [r.size for r in rows]).plot()

    def plot(self, ax=None):
        import matplotlib.pyplot as plt

        self.ax_ = ax or plt.figure().add_subplot()
        self.bars_ = self.ax_.barh(range(len(self.sizes)), self.sizes)
        self.ax_.set_yticks(range(len(self.labels)), self.labels)
        return self


def test_a_display():
    import matplotlib.pyplot as plt
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), GLVQClassifier(**QUICK)).fit(X, Y)
    display = LargestPartDisplay.from_estimator(model, X[:4])
    e = model[-1].explain(model[0].transform(X[:4]))
    expected = np.take_along_axis(e.feature_terms, e.top_features(1), 1)[:, 0]
    assert_allclose([bar.get_width() for bar in display.bars_], expected)
    plt.close("all")


def test_an_explanation_of_another_kind():
    class Rounded(Explanation):
        pass

    row = RBFClassifier(**QUICK).fit(X, Y).explain(X[:1])
    other = Rounded(**vars(row))
    # It is read as what it is a case of, until it registers a summary of its own.
    assert row_summary(other, 2).sentence == row_summary(row, 2).sentence

    @row_summary.register
    def briefly(row: Rounded, k: int):
        return row_summary.dispatch(Explanation)(row, min(k, 1))

    assert len(row_summary(other, 2).parts) == 1


# A deep similarity whose patches are not those of a grid


class Bands(PatchPrototypes):
    """A part may slide along its row: one dissimilarity for every row of a map."""

    def _every(self, z):
        """Squared distances (n, K, H, W) of all cells."""
        return (z[:, None] - self.prototypes.squeeze(3).unsqueeze(3)).square().sum(2)

    def dissimilarity_map(self, z):
        return self._every(z).amin(3, keepdim=True)

    def similarity(self, dissimilarity):
        return torch.exp(-dissimilarity)

    def patch_at(self, z, k, position):
        column = self._every(z)[0, k, position].argmin()
        return z[0, :, position, column, None, None]

    def boxes(self, z, image_size):
        height, width = z.shape[2:]
        best = self._every(z).flatten(2).argmin(2)
        row, column = torch.div(best, width, rounding_mode="floor"), best % width
        down, right = image_size[0] // height, image_size[1] // width
        return torch.stack(
            [row * down, column * right, (row + 1) * down, (column + 1) * right], 2
        )


def spots(n=24, side=6):
    """Images of noise with a bright pixel: in the upper half or in the lower one."""
    rng = np.random.default_rng(0)
    images = 0.1 * rng.random((n, side, side))
    y = np.arange(n) % 2
    rows, columns = 3 * y + rng.integers(0, 3, n), rng.integers(0, side, n)
    images[np.arange(n), rows, columns] = 1.0
    return images, y, rows, columns


TINY = {
    "n_channels": 4,
    "warmup_epochs": 1,
    "max_epochs": 2,
    "batch_size": 8,
    "last_layer_iter": 2,
    "random_state": 0,
    # One cell a pixel, and no padding.
    "backbone": torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1), torch.nn.ReLU()),
    "init": "random",
}


@pytest.mark.parametrize("Estimator", [ProtoPNetClassifier, CBCNetClassifier])
def test_a_deep_similarity_owns_its_geometry(monkeypatch, Estimator):
    monkeypatch.setitem(SIMILARITIES, "bands", Bands)
    images, y, _, _ = spots()
    model = Estimator(1, similarity="bands", **TINY).fit(images, y)
    e = model.explain(images)
    assert e.similarity_maps.shape == (len(images), 2, 6, 1)
    # A prototype is the patch of its training image, at the place that its box tells.
    for k, (i, box) in enumerate(
        zip(model.prototype_indices_, model.prototype_boxes_, strict=True)
    ):
        assert_array_equal(box[2:] - box[:2], [1, 1])
        assert e.similarities[i, k] == pytest.approx(1.0, abs=1e-5)
        other = np.random.default_rng(k).random((1, 6, 6))
        other[0, box[0], box[1]] = images[i, box[0], box[1]]
        assert model.explain(other).similarities[0, k] == pytest.approx(1.0, abs=1e-5)
        assert_array_equal(e.bounding_boxes[i, k], box)
    assert model.receptive_field_ is None
    assert e.receptive_boxes is None
    e.plot(0, k=1)


def test_a_geometry_without_boxes_is_refused(monkeypatch):
    class NoBoxes(Bands):
        boxes = PatchPrototypes.boxes

    monkeypatch.setitem(SIMILARITIES, "bands", NoBoxes)
    images, y, _, _ = spots()
    with pytest.raises(ValueError, match="NoBoxes overrides patch_at, so it must"):
        ProtoPNetClassifier(1, similarity="bands", **TINY).fit(images, y)


class Steep(ExpDistance):
    """Inherits from what is certified, and moves a hundred times as fast."""

    def dissimilarity_map(self, z):
        return 1e4 * super().dissimilarity_map(z)


@pytest.mark.parametrize("kind", [Bands, Steep])
def test_no_certificate_of_similarities_that_no_bound_knows(monkeypatch, kind):
    monkeypatch.setitem(SIMILARITIES, "exp", kind)
    images, y, _, _ = spots()
    options = {**TINY, "backbone": "auto"}
    model = ProtoPNetClassifier(1, similarity="exp", lipschitz=True, **options)
    with pytest.raises(ValueError, match=r"lipschitz=True with .*similarity='exp'"):
        model.fit(images, y)


def test_no_certificate_of_a_similarity_that_was_put_in_place_of_another():
    images, y, _, _ = spots()
    options = {**TINY, "backbone": "auto"}
    model = ProtoPNetClassifier(1, similarity="exp", lipschitz=True, **options)
    model.fit(images, y)
    view = model.certifiable_view()
    parts = view.network.branches[0].parts
    view.network.branches[0].parts = Steep(parts.prototypes.detach(), parts.owners)
    with pytest.raises(TypeError, match="unknown Lipschitz constant"):
        certified_radius(Fixed(view), images[:2].reshape(2, -1))


class Fixed(BaseEstimator):
    """A view, and nothing else."""

    def __init__(self, view):
        self.view = view

    def certifiable_view(self):
        return self.view
