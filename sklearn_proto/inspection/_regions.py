"""What is decided where, and how far around a row this is proven."""

from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.inspection import DecisionBoundaryDisplay

from sklearn_proto._drawing._colours import CLASS_COLOURS, class_colours
from sklearn_proto._drawing._panels import check_axes
from sklearn_proto._drawing._text import legible, shortened
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._inputs._norm import checked_norm
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import name
from sklearn_proto.inspection._arguments import check_arguments
from sklearn_proto.inspection._chosen import chosen
from sklearn_proto.inspection._unwrapped_model import taken, unwrap_model
from sklearn_proto.robustness import certified_radius

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_DISCS = 20
# Classes that a legend names; there are as many colours.
_IN_LEGEND = 10


class DecisionRegionDisplay:
    """Regions of the classes in a plane, with prototypes and certified discs.

    Around chosen rows, the ball of an lp norm inside which the prediction provably does
    not change: a disc, or a diamond or a square. No ball leaves the region of its row.
    Make one with `from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    regions : sklearn.inspection.DecisionBoundaryDisplay
        Prediction on a grid, not drawn yet or drawn elsewhere.
    classes : ndarray of shape (n_classes,)
        Class labels.
    X : ndarray of shape (n_samples, 2)
        Rows.
    labels : ndarray of shape (n_samples,)
        Classes that colour the rows.
    rows : ndarray of shape (n_discs,)
        Which rows have a disc.
    radii : ndarray of shape (n_discs,)
        Certified radii of these.
    norm : float
        The lp norm of the radii.
    prototypes : ndarray of shape (K, 2), optional
        Prototypes.
    prototype_labels : ndarray of shape (K,), optional
        Class of each.

    Attributes
    ----------
    discs_ : list of (Patch or None)
        Ball around each of `rows`: a Circle for norm 2, else a Polygon. None where the
        radius is 0 or infinite.
    points_ : PathCollection
        The rows.
    prototypes_ : PathCollection or None
        The prototypes.
    ax_ : matplotlib.axes.Axes
        Axes of all.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    See Also
    --------
    sklearn_proto.robustness.certified_radius : The radii.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.inspection import DecisionRegionDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> petals = X[:, 2:]
    >>> model = CBCClassifier(random_state=0).fit(petals, y)
    >>> display = DecisionRegionDisplay.from_estimator(model, petals, y, rows=[0, 90])
    >>> bool(display.discs_[1].radius == model.certified_radius(petals[[90]], y[[90]]))
    True
    """

    def __init__(
        self,
        *,
        regions: DecisionBoundaryDisplay,
        classes: NDArray[Any],
        X: Array,
        labels: NDArray[Any],
        rows: NDArray[np.intp],
        radii: Array,
        norm: float = 2,
        prototypes: Array | None = None,
        prototype_labels: NDArray[Any] | None = None,
    ) -> None:
        self.regions = regions
        self.classes = classes
        self.X = X
        self.labels = labels
        self.rows = rows
        self.radii = radii
        self.norm = norm
        self.prototypes = prototypes
        self.prototype_labels = prototype_labels

    @classmethod
    @undisturbed
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        rows: ArrayLike | None = None,
        norm: float = 2,
        method: str = "auto",
        grid_resolution: int = 200,
        eps: float | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict on a grid, certify rows and draw both.

        Parameters
        ----------
        estimator : classifier, Pipeline or search
            A fitted classifier of two features, alone or at the end of a pipeline.
        X : array-like of shape (n_samples, 2)
            Rows.
        y : array-like of shape (n_samples,), optional
            True labels, which colour the rows; one that is predicted wrongly then has
            no disc. Without them rows have the colour of their prediction.
        rows : array-like of int, optional
            Rows to draw discs around; by default at most 20, evenly spread over `X`.
        norm : {1, 2, inf} or float >= 1
            The lp norm that measures a perturbation.
        method : str
            As in `sklearn_proto.robustness.certified_radius`.
        grid_resolution : int
            Points of the grid along each axis.
        eps : float, optional
            How far the grid reaches beyond the rows; by default a tenth of the longer
            side.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        DecisionRegionDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the classifier has no prototypes.
        ValueError
            If there are not two features, `rows` are not rows of `X`, or there is no
            proof for the model.
        """
        from matplotlib.figure import Figure

        beyond: Any = eps
        if isinstance(beyond, Real):  # Such as a fraction.
            beyond = float(beyond)
        check_arguments(
            "DecisionRegionDisplay",
            method=method,
            grid_resolution=grid_resolution,
            eps=beyond,
        )
        check_axes(ax)
        norm = checked_norm(norm)
        unwrapped = unwrap_model(estimator)
        points = np.asarray(X, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"X has shape {points.shape}, but a plane has 2 features.")
        count = len(points)
        few = np.unique(np.linspace(0, count - 1, _DISCS).round().astype(int))
        which = chosen("rows", few if rows is None else rows, count)
        predicted = np.asarray(estimator.predict(X))
        labels = predicted if y is None else checked_labels(y, count)
        radii = certified_radius(
            estimator,
            taken(X, which),
            None if y is None else labels[which],
            norm=norm,
            method=method,
        )
        classes = np.asarray(unwrapped.estimator.classes_)
        regions = DecisionBoundaryDisplay.from_estimator(
            estimator,
            X if hasattr(X, "columns") else points,
            response_method="predict",
            grid_resolution=grid_resolution,
            eps=_beyond(points) if beyond is None else beyond,
            multiclass_colors=_palette(len(classes)),
            ax=Figure().subplots(),  # It draws at once; `plot` draws what is kept.
        )
        display = cls(
            regions=regions,
            classes=classes,
            X=points,
            labels=labels,
            rows=which,
            radii=radii,
            norm=norm,
            prototypes=unwrapped.points() if unwrapped.restores else None,
            prototype_labels=getattr(unwrapped.estimator, "prototype_labels_", None),
        )
        return display.plot(ax=ax)

    @undisturbed
    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw regions, discs, rows and prototypes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        DecisionRegionDisplay
            The display itself.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained")
        self._draw_regions(ax)
        self.discs_ = [
            self._disc(ax, centre, radius)
            for centre, radius in zip(self.X[self.rows], self.radii, strict=True)
        ]
        colours = class_colours(self.labels, self.classes, len(self.X))
        style: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.6}
        x, y = self.X.T
        self.points_ = ax.scatter(x, y, c=colours, s=22, zorder=3, **style)
        self.prototypes_ = self._draw_prototypes(ax)
        self._draw_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_regions(self, ax: "Axes") -> None:
        from matplotlib.colors import ListedColormap

        n = len(self.classes)
        options: dict[str, Any] = {"levels": np.arange(n + 1) - 0.5, "alpha": 0.25}
        # Until version 1.9 scikit-learn did not colour predictions by itself.
        if n == 2 or not hasattr(self.regions, "n_classes"):
            options["cmap"] = ListedColormap(_palette(n))
        self.regions.plot(ax=ax, plot_method="contourf", **options)
        xs, ys = self.regions.xx0, self.regions.xx1
        box = ax.get_window_extent()
        width, height = (side / ax.figure.dpi for side in (box.width, box.height))
        ax.set_xlabel(shortened(legible(ax.get_xlabel()), width, 10), fontsize=10)
        ax.set_ylabel(shortened(legible(ax.get_ylabel()), height, 10), fontsize=10)
        ax.set_xlim(xs.min(), xs.max())
        ax.set_ylim(ys.min(), ys.max())
        sides = np.ptp(xs), np.ptp(ys)
        if max(sides) <= 4 * min(sides):
            ax.set_aspect("equal")  # Discs are round.

    def _disc(self, ax: "Axes", centre: Array, radius: float) -> Any:
        from matplotlib.patches import Circle, Polygon

        if not 0 < radius < np.inf:
            return None
        style: dict[str, Any] = {"fill": False, "edgecolor": "#222", "linewidth": 1.0}
        if self.norm == 2:
            return ax.add_patch(Circle((centre[0], centre[1]), float(radius), **style))
        outline = centre + radius * _unit_sphere(self.norm)
        return ax.add_patch(Polygon(outline, **style))

    def _draw_prototypes(self, ax: "Axes") -> Any:
        if self.prototypes is None:
            return None
        colours = class_colours(
            self.prototype_labels, self.classes, len(self.prototypes)
        )
        style: dict[str, Any] = {"marker": "*", "edgecolor": "black", "zorder": 4}
        x, y = self.prototypes.T
        return ax.scatter(x, y, c=colours, s=220, **style)

    def _draw_legend(self, ax: "Axes") -> None:
        from matplotlib.lines import Line2D

        width = 0.35 * ax.get_window_extent().width / ax.figure.dpi
        handles = [
            Line2D([], [], marker="o", linestyle="", color=colour, label=label)
            for colour, label in self._classes_in_legend(width)
        ]
        if self.prototypes is not None:
            star: dict[str, Any] = {"marker": "*", "markersize": 12, "linestyle": ""}
            star |= {"markerfacecolor": "white", "markeredgecolor": "black"}
            handles.append(Line2D([], [], label="prototypes", **star))
        ax.legend(handles=handles, fontsize=8)

    def _classes_in_legend(self, width: float) -> list[tuple[str, str]]:
        """Colours and names of the classes, or of as many as there is room for."""
        labels = [shortened(name(c), width, 8) for c in self.classes[:_IN_LEGEND]]
        found = list(zip(_palette(len(labels)), labels, strict=True))
        more = len(self.classes) - len(labels)
        return [*found, ("none", f"and {more} more")] if more else found


def _palette(count: int) -> list[str]:
    return [CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in range(count)]


def _beyond(points: Array) -> float:
    """How far a grid reaches beyond the points, where all may be one."""
    return float(np.ptp(points, axis=0).max() / 10) or 1.0


def _unit_sphere(norm: float) -> Array:
    """Outline of the unit ball of an lp norm in the plane."""
    if norm == 1:
        return np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    if np.isinf(norm):
        return np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    circle /= np.abs(circle).max(axis=1, keepdims=True)  # High powers of less vanish.
    return np.asarray(circle / np.linalg.norm(circle, ord=norm, axis=1, keepdims=True))
