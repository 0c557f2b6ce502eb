"""What a learned metric looks at."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._drawing._colours import AGAINST, FOR
from sklearn_proto._drawing._panels import panels
from sklearn_proto._drawing._samples import name_features
from sklearn_proto._drawing._text import brief, set_title
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import name
from sklearn_proto.inspection._chosen import chosen
from sklearn_proto.inspection._unwrapped_model import needed, unwrap_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_NAME_WIDTH = 1.4  # inches
_BARS = "#55708f"


class RelevanceDisplay:
    """Relevance matrices: their entries, their diagonals and their eigenvalues.

    A line for every matrix. An entry off the diagonal says how two features count
    together, the diagonal how much each counts in all, and the eigenvalues how many
    directions the metric uses: each is a share, since they add up to the trace, 1. Make
    one with `from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    relevance_matrices : ndarray of shape (n_matrices, d, d)
        Symmetric positive semi-definite matrices.
    feature_names : ndarray of shape (d,)
        Names of the features.
    titles : list of str
        What each matrix is of.

    Attributes
    ----------
    eigenvalues_ : ndarray of shape (n_matrices, d)
        Of every matrix, decreasing.
    images_ : list of AxesImage or None
        Matrices; None if all of each is on its diagonal, which then says all.
    bars_ : list of BarContainer
        Diagonals.
    profiles_ : list of BarContainer
        Eigenvalues.
    axes_ : ndarray of shape (n_matrices, 3 or 2) of matplotlib.axes.Axes
        For each matrix the axes of the matrix, the diagonal and the eigenvalues; none
        of matrices if all of each is on its diagonal.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GMLVQClassifier
    >>> from sklearn_proto.inspection import RelevanceDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = GMLVQClassifier(random_state=0).fit(X, y)
    >>> display = RelevanceDisplay.from_estimator(model)
    >>> display.axes_[0, 1].get_yticklabels()[3].get_text()
    'petal width (cm)'
    """

    def __init__(
        self,
        *,
        relevance_matrices: Array,
        feature_names: NDArray[Any],
        titles: list[str],
    ) -> None:
        self.relevance_matrices = relevance_matrices
        self.feature_names = feature_names
        self.titles = titles

    @classmethod
    @undisturbed
    def from_estimator(
        cls,
        estimator: Any,
        *,
        matrices: ArrayLike | None = None,
        feature_names: ArrayLike | None = None,
        ax: "Axes | Figure | None" = None,
    ) -> Self:
        """Draw the relevances of a fitted model.

        Parameters
        ----------
        estimator : classifier, Pipeline or search
            A fitted classifier with ``relevance_matrix_``, such as `GMLVQClassifier`,
            `LGMLVQClassifier`, or `RBFClassifier` and `CBCClassifier` with `relevance`,
            alone or at the end of a pipeline. Relevances are those of the features that
            the classifier sees: of scaled ones, for example.
        matrices : array-like of int, optional
            Which matrices to draw, of a model with several; all by default.
        feature_names : array-like of shape (n_features,), optional
            Names of the features; by default those that the model was fitted on.
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        RelevanceDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the classifier has no relevances.
        ValueError
            If `matrices` or `feature_names` do not fit.
        """
        unwrapped = unwrap_model(estimator)
        model = unwrapped.estimator
        found = needed(model, "relevance_matrix_", "RelevanceDisplay")
        found = found.reshape(-1, *found.shape[-2:])
        which = chosen("matrices", matrices, len(found))
        titles = _titles(model, len(found))
        display = cls(
            relevance_matrices=found[which],
            feature_names=unwrapped.names_seen(feature_names),
            titles=[titles[m] for m in which],
        )
        return display.plot(ax=ax)

    @undisturbed
    def plot(self, ax: "Axes | Figure | None" = None) -> Self:
        """Draw a line of panels for every matrix.

        Parameters
        ----------
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        RelevanceDisplay
            The display itself.
        """
        count, d, _ = self.relevance_matrices.shape
        size = 10.5, max(2.6, 0.8 + 0.16 * min(d, 40)) * count
        diagonal = self._diagonal()
        ratios = [1.0, 0.9] if diagonal.all() else [1.2, 1.0, 0.9]
        self.axes_ = panels(ax, (count, len(ratios)), size, width_ratios=ratios)
        values = np.linalg.eigvalsh(self.relevance_matrices)[:, ::-1]
        self.eigenvalues_ = np.maximum(values, 0.0)  # Zero, but for rounding.
        self.images_, self.bars_, self.profiles_ = [], [], []
        for m, (*left, middle, right) in enumerate(self.axes_):
            self.images_.append(self._draw_matrix(left[0], m) if left else None)
            self.bars_.append(self._draw_diagonal(middle, m, named=not left))
            self.profiles_.append(self._draw_eigenvalues(right, m))
        self.figure_ = self.axes_[0, 0].figure
        return self

    def _diagonal(self) -> NDArray[np.bool_]:
        """Which matrices have nothing off their diagonal."""
        off = ~np.eye(self.relevance_matrices.shape[-1], dtype=bool)
        return np.asarray(~self.relevance_matrices[:, off].any(axis=1))

    def _draw_matrix(self, ax: "Axes", m: int) -> Any:
        from matplotlib.colors import LinearSegmentedColormap

        matrix = self.relevance_matrices[m]
        limit = np.abs(matrix).max()
        colours = LinearSegmentedColormap.from_list("terms", [AGAINST, "white", FOR])
        image = ax.imshow(matrix, cmap=colours, vmin=-limit, vmax=limit)
        name_features(ax, self.feature_names, shown=True, width=_NAME_WIDTH)
        ax.set_xticks([])
        set_title(ax, self.titles[m], 9)
        ax.figure.colorbar(image, ax=ax).ax.tick_params(labelsize=7)
        return image

    def _draw_diagonal(self, ax: "Axes", m: int, *, named: bool) -> Any:
        diagonal = np.diag(self.relevance_matrices[m])
        bars = ax.barh(np.arange(len(diagonal)), diagonal, color=_BARS)
        ax.set_ylim(len(diagonal) - 0.4, -0.6)
        name_features(ax, self.feature_names, shown=True, width=_NAME_WIDTH)
        # Without a matrix, nothing else says what the relevances are of.
        several = named and len(self.titles) > 1
        _plain_axes(ax, self.titles[m] if several else "relevance of each feature")
        return bars

    def _draw_eigenvalues(self, ax: "Axes", m: int) -> Any:
        from matplotlib.ticker import MaxNLocator

        values = self.eigenvalues_[m]
        bars = ax.bar(np.arange(1, len(values) + 1), values, color=_BARS)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain_axes(ax, "eigenvalues")
        return bars


def _plain_axes(ax: "Axes", title: str) -> None:
    set_title(ax, title, 9)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)


def _titles(model: Any, count: int) -> list[str]:
    """Say what a matrix is of: all, a prototype or a class."""
    if count == 1:
        return ["relevance matrix"]
    if count == len(model.prototypes_):
        labels = [brief(name(label)) for label in model.prototype_labels_]
        return [f"prototype {j} of {label}" for j, label in enumerate(labels)]
    return [brief(name(label)) for label in model.classes_]
