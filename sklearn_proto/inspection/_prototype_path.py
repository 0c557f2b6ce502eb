"""How much accuracy it costs to read fewer prototypes."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._drawing._colours import AGAINST, FOR, UNLABELLED
from sklearn_proto._drawing._panels import panels
from sklearn_proto._drawing._text import set_title
from sklearn_proto._growth import PrototypePath
from sklearn_proto._inputs._norm import radius_of_norm
from sklearn_proto._inputs._pipelines import unwrap_pipeline
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Accuracies closer than that look alike.
_LEAST_RANGE = 0.08


class PrototypePathDisplay:
    """Accuracy and loss on held-out rows against the number of prototypes.

    A bar at a size is the standard error of its distance from the highest accuracy,
    which a dotted line shows: a size whose bar reaches the line is about as good as the
    best.
    A ring is around the size that is chosen. Make one with `from_estimator` or
    `from_path`; all parameters are stored as attributes.

    Parameters
    ----------
    path : PrototypePath
        What to draw, see `sklearn_proto.prototype_path`.

    Attributes
    ----------
    accuracy_ : matplotlib.container.ErrorbarContainer
        Accuracy of each size, with its standard errors.
    certified_ : matplotlib.lines.Line2D or None
        Certified accuracy, if the path has it.
    loss_ : matplotlib.lines.Line2D
        Log loss of each size.
    chosen_ : list of matplotlib.lines.Line2D
        Rings around the chosen size.
    axes_ : ndarray of shape (2, 1) of matplotlib.axes.Axes
        Axes of the accuracy and of the loss.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    See Also
    --------
    sklearn_proto.prototype_path : Computes a path.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.inspection import PrototypePathDisplay
    >>> X, y = make_moons(200, noise=0.15, random_state=0)
    >>> model = GLVQClassifier("auto", random_state=0).fit(X, y)
    >>> display = PrototypePathDisplay.from_estimator(model)
    >>> display.axes_[1, 0].get_xlabel()
    'prototypes'
    """

    def __init__(self, *, path: PrototypePath) -> None:
        self.path = path

    @classmethod
    @undisturbed
    def from_estimator(
        cls, estimator: Any, *, ax: "Axes | Figure | None" = None
    ) -> Self:
        """Draw how the number of prototypes of a fitted model was chosen.

        Parameters
        ----------
        estimator : classifier, Pipeline or search
            Fitted with ``n_prototypes_per_class="auto"``.
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        PrototypePathDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the number of prototypes was given.
        """
        model = unwrap_pipeline(estimator)[1]
        check_is_fitted(model)
        path = getattr(model, "prototype_path_", None)
        if path is None:
            raise TypeError(
                f"{type(model).__name__} has no prototype_path_; fit it with "
                'n_prototypes_per_class="auto", or draw a path of '
                "sklearn_proto.prototype_path with from_path."
            )
        return cls(path=path).plot(ax=ax)

    @classmethod
    @undisturbed
    def from_path(
        cls, path: PrototypePath, *, ax: "Axes | Figure | None" = None
    ) -> Self:
        """Draw a path.

        Parameters
        ----------
        path : PrototypePath
            What `sklearn_proto.prototype_path` returned.
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        PrototypePathDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If it is no path.
        """
        if not isinstance(path, PrototypePath):
            raise TypeError(
                f"path={shown(path)} must be a PrototypePath, as "
                "sklearn_proto.prototype_path returns it."
            )
        return cls(path=path).plot(ax=ax)

    @undisturbed
    def plot(self, ax: "Axes | Figure | None" = None) -> Self:
        """Draw accuracies above the loss.

        Parameters
        ----------
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        PrototypePathDisplay
            The display itself.
        """
        self.axes_ = panels(ax, (2, 1), (6.0, 4.6), height_ratios=[2.0, 1.0])
        top, bottom = self.axes_[:, 0]
        self._draw_accuracy(top)
        (self.loss_,) = bottom.plot(
            self.path.n_prototypes, self.path.loss, "o-", color=UNLABELLED
        )
        bottom.set(xlabel="prototypes", ylabel="log loss")
        for axes in (top, bottom):
            self._draw_sizes(axes)
        _widen(top, _LEAST_RANGE)
        self.chosen_ = [
            self._draw_ring(top, self.path.accuracy),
            self._draw_ring(bottom, self.path.loss),
        ]
        self.figure_ = top.figure
        return self

    def _draw_accuracy(self, ax: "Axes") -> None:
        path = self.path
        self.accuracy_ = ax.errorbar(
            path.n_prototypes,
            path.accuracy,
            yerr=path.gap_std_error,
            fmt="o-",
            color=FOR,
            capsize=3,
            label="accuracy, with the standard error of its gap",
        )
        ax.axhline(path.accuracy.max(), color=FOR, linestyle=":", linewidth=1)
        self.certified_ = None
        if path.certified_accuracy is not None:
            (self.certified_,) = ax.plot(
                path.n_prototypes,
                path.certified_accuracy,
                "s--",
                color=AGAINST,
                label=f"certified accuracy{_against(path)}",
            )
        ax.legend(fontsize=8)
        ax.set_ylabel("accuracy on held-out rows")
        set_title(ax, _words(path), 9)

    def _draw_sizes(self, ax: "Axes") -> None:
        sizes = self.path.n_prototypes
        ax.set_xscale("log", base=2)
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)

    def _draw_ring(self, ax: "Axes", values: Any) -> Any:
        at = self.path.chosen
        (ring,) = ax.plot(
            self.path.n_prototypes[at : at + 1],
            np.asarray(values)[at : at + 1],
            "o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor="black",
            clip_on=False,
        )
        return ring


def _words(path: PrototypePath) -> str:
    """Say what is chosen, and what it costs."""
    at = path.chosen
    words = f"{path.n_prototypes[at]} prototypes are chosen"
    if np.isnan(path.accuracy[at]):
        return f"{words}: too few rows to hold any out"
    words += f": accuracy {path.accuracy[at]:.3f}"
    gap = path.accuracy_gap[at]
    return f"{words}, {gap:.3f} below the highest" if gap > 0 else words


def _against(path: PrototypePath) -> str:
    """Say what is certified against."""
    if path.norm is None:
        return ""
    return f", {radius_of_norm(path.norm)} {path.radius:g}"


def _widen(ax: "Axes", least: float) -> None:
    """Let small differences be small."""
    low, high = ax.get_ylim()
    missing = max(least - (high - low), 0.0)
    ax.set_ylim(low - missing, high)
