"""What the classes of Classification-by-Components ask for."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._drawing._colours import AGAINST, FOR
from sklearn_proto._drawing._panels import panels
from sklearn_proto._drawing._text import brief, set_title, shortened
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import name
from sklearn_proto.inspection._unwrapped_model import needed, unwrap_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_NAME_WIDTH = 1.6  # inches
_INDEFINITE, _PRIOR = "#d3d8dd", "#55708f"


class ReasoningDisplay:
    """Which components each class asks to be present, and which to be absent.

    A panel for every concept. A bar to the right is the probability that the component
    must be present, one to the left that it must be absent; together they are 1. With
    indefinite reasoning a bar is the prior of the component times its requiredness,
    and what is indefinite of it is grey. The model divides by the definite mass, which
    the title says: where it is small, little evidence decides much. Make one with
    `from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    reasoning : ndarray of shape (n_classes, n_concepts, K, 2)
        Probabilities that a component must be present, and absent.
    classes : ndarray of shape (n_classes,)
        Class labels.
    prototype_labels : ndarray of shape (K,)
        Class that each component was placed in.
    requiredness : ndarray of shape (n_classes, n_concepts, K, 3), optional
        Positive, indefinite and negative, of indefinite reasoning.
    component_prior : ndarray of shape (K,), optional
        Probabilities of the components, of indefinite reasoning.

    Attributes
    ----------
    positive_, negative_ : ndarray of shape (n_classes, n_concepts) of BarContainer
        Bars of the components in each panel.
    indefinite_ : ndarray of shape (n_classes, n_concepts) of BarContainer or None
        What is indefinite, of indefinite reasoning.
    prior_ : BarContainer or None
        Bars of the component prior, of indefinite reasoning.
    axes_ : ndarray of shape (n_classes, n_concepts) of matplotlib.axes.Axes
        The panels.
    prior_ax_ : matplotlib.axes.Axes or None
        Panel of the component prior.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    See Also
    --------
    ExplanationDisplay : What this reasoning makes of one row.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.inspection import ReasoningDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> display = ReasoningDisplay.from_estimator(model)
    >>> display.axes_.shape, display.axes_[0, 0].get_title()
    ((3, 1), 'class 0')
    """

    def __init__(
        self,
        *,
        reasoning: Array,
        classes: NDArray[Any],
        prototype_labels: NDArray[Any],
        requiredness: Array | None = None,
        component_prior: Array | None = None,
    ) -> None:
        self.reasoning = reasoning
        self.classes = classes
        self.prototype_labels = prototype_labels
        self.requiredness = requiredness
        self.component_prior = component_prior

    @classmethod
    @undisturbed
    def from_estimator(
        cls, estimator: Any, *, ax: "Axes | Figure | None" = None
    ) -> Self:
        """Draw the reasoning of a fitted model.

        Parameters
        ----------
        estimator : classifier, Pipeline or search
            A fitted classifier with ``reasoning_``, such as `CBCClassifier`, alone or
            at the end of a pipeline.
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        ReasoningDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the classifier does not reason.
        """
        model = unwrap_model(estimator).estimator
        display = cls(
            reasoning=needed(model, "reasoning_", "ReasoningDisplay"),
            classes=model.classes_,
            prototype_labels=model.prototype_labels_,
            requiredness=getattr(model, "requiredness_", None),
            component_prior=getattr(model, "component_prior_", None),
        )
        return display.plot(ax=ax)

    @undisturbed
    def plot(self, ax: "Axes | Figure | None" = None) -> Self:
        """Draw a panel for every concept, and one for the prior if there is one.

        Parameters
        ----------
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        ReasoningDisplay
            The display itself.
        """
        n_classes, n_concepts, k, _ = self.reasoning.shape
        shape = n_concepts, n_classes + self._indefinite
        size = 1.8 + 2.4 * shape[1], (1.1 + 0.25 * min(k, 40)) * n_concepts
        grid = panels(ax, shape, size)
        self.prior_ax_ = grid[0, 0] if self._indefinite else None
        for empty in grid[1:, 0] if self._indefinite else ():
            empty.set_axis_off()
        self.axes_ = grid[:, int(self._indefinite) :].T
        self.prior_ = self._draw_prior()
        self._draw_concepts()
        for line in grid:
            self._name_components(line)
        self.figure_ = grid[0, 0].figure
        return self

    @property
    def _indefinite(self) -> bool:
        return self.requiredness is not None and self.component_prior is not None

    def _sides(self) -> tuple[Array, Array, Array | None]:
        """Lengths (C, q, K) to the right, to the left, and what is indefinite."""
        if self.requiredness is None or self.component_prior is None:
            return self.reasoning[..., 0], self.reasoning[..., 1], None
        mass = self.component_prior[:, None] * self.requiredness
        return mass[..., 0], mass[..., 2], mass[..., 1]

    def _draw_concepts(self) -> None:
        positive, negative, indefinite = self._sides()
        shape = self.axes_.shape
        drawn = [np.empty(shape, dtype=object) for _ in range(3)]
        for place in np.ndindex(shape):
            cell: Any = self.axes_[place]
            at, right = np.arange(positive.shape[-1]), positive[place]
            drawn[0][place] = cell.barh(at, right, color=FOR)
            drawn[1][place] = cell.barh(at, -negative[place], color=AGAINST)
            if indefinite is not None:
                grey = {"left": right, "color": _INDEFINITE}
                drawn[2][place] = cell.barh(at, indefinite[place], **grey)
            definite = float((right + negative[place]).sum())
            set_title(cell, self._title(place, definite), 9)
        self.positive_, self.negative_ = drawn[:2]
        self.indefinite_ = None if indefinite is None else drawn[2]
        outer = positive if indefinite is None else positive + indefinite
        self._share_scale(1.08 * max(float(outer.max()), float(negative.max())))

    def _share_scale(self, reach: float) -> None:
        """Lengths compare between panels, and are positive on both sides."""
        for cell in self.axes_.ravel():
            cell.axvline(0, color="#888", linewidth=0.8)
            cell.set_xlim(-reach, reach)
            cell.xaxis.set_major_formatter(lambda x, _: f"{abs(x):.2g}")
            cell.locator_params(axis="x", nbins=5)
            cell.set_xlabel("absent | present", fontsize=8)

    def _title(self, place: tuple[int, ...], definite: float) -> str:
        c, q = place
        title = brief(name(self.classes[c]))
        if self.axes_.shape[1] > 1:
            title += f", concept {q}"
        return title + (f"\ndefinite mass {definite:.2g}" if self._indefinite else "")

    def _draw_prior(self) -> Any:
        if self.prior_ax_ is None or self.component_prior is None:
            return None
        self.prior_ax_.set_title("component prior", fontsize=9)
        at = np.arange(len(self.component_prior))
        return self.prior_ax_.barh(at, self.component_prior, color=_PRIOR)

    def _name_components(self, line: NDArray[Any]) -> None:
        """Name the components once in a line of panels."""
        labels = self.prototype_labels
        first = next(cell for cell in line if cell.axison)
        for cell in line:
            cell.set_ylim(len(labels) - 0.4, -0.6)
            cell.set_yticks([])
            cell.tick_params(labelsize=7)
            cell.spines[["top", "right", "left"]].set_visible(False)
        names = [
            shortened(f"{j}, {name(label)}", _NAME_WIDTH, 7)
            for j, label in enumerate(labels)
        ]
        first.set_yticks(np.arange(len(names)), names)
        first.set_ylabel("component", fontsize=8)
