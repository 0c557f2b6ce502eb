"""Certified accuracy as a curve over the size of the perturbation."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

from sklearn_proto._inputs._norm import radius_of_norm
from sklearn_proto._inputs._pipelines import unwrap_pipeline
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.robustness._certified_accuracy import curve_of_radii
from sklearn_proto.robustness._certified_radius import certified_radius
from sklearn_proto.robustness._threat_model._arguments import Bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CertifiedAccuracyDisplay:
    """Certified accuracy over the radius, with the clean accuracy it starts below.

    Make one with `from_estimator` or `from_predictions`; all parameters are stored as
    attributes.

    Parameters
    ----------
    eps : ndarray of shape (n_steps,)
        Sizes of perturbations, increasing from 0, see `certified_accuracy_curve`.
    accuracy : ndarray of shape (n_steps,)
        Certified accuracy at each of them.
    clean_accuracy : float, optional
        Accuracy on rows that are not perturbed; no line is drawn for None.
    norm : {1, 2, inf} or float >= 1, optional
        The lp norm of the radii, for the label of the axis.
    name : str, optional
        What the curve is of, for the legend.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The curve, a step function that ends at the accuracy certified at any radius.
    accuracy_line_ : matplotlib.lines.Line2D or None
        Horizontal line of the clean accuracy.
    ax_ : matplotlib.axes.Axes
        Axes of both.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    See Also
    --------
    certified_accuracy_curve : The numbers alone.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import CertifiedAccuracyDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> display = CertifiedAccuracyDisplay.from_estimator(model, X, y, norm=1)
    >>> display.ax_.get_xlabel(), display.line_.get_label()
    ('l1 radius', 'CBCClassifier')
    """

    def __init__(
        self,
        *,
        eps: NDArray[np.float64],
        accuracy: NDArray[np.float64],
        clean_accuracy: float | None = None,
        norm: float | None = None,
        name: str | None = None,
    ) -> None:
        self.eps = eps
        self.accuracy = accuracy
        self.clean_accuracy = clean_accuracy
        self.norm = norm
        self.name = name

    @classmethod
    @undisturbed
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        norm: float = 2,
        method: str = "auto",
        bounds: Bounds | None = None,
        feature_scale: ArrayLike | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Certify the rows and draw the curve.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted classifier that `certified_radius` takes.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            True labels.
        norm : {1, 2, inf} or float >= 1
            The lp norm that measures perturbations.
        method : str
            As in `certified_radius`.
        bounds : tuple of two array-likes, optional
            As in `certified_radius`.
        feature_scale : array-like of shape (n_features,), optional
            As in `certified_radius`.
        name : str, optional
            What the legend calls the curve; by default the class of the classifier,
            without the pipeline or search that it is in.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the curve.

        Returns
        -------
        CertifiedAccuracyDisplay
            The display, drawn.
        """
        radius = certified_radius(
            estimator,
            X,
            y,
            norm=norm,
            method=method,
            bounds=bounds,
            feature_scale=feature_scale,
        )
        return cls.from_predictions(
            y,
            estimator.predict(X),
            radius=radius,
            norm=norm,
            name=type(unwrap_pipeline(estimator)[1]).__name__ if name is None else name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    @undisturbed
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        radius: ArrayLike,
        norm: float | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curve of radii that are known.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        y_pred : array-like of shape (n_samples,)
            Predicted labels.
        radius : array-like of shape (n_samples,)
            Certified radii, at least 0; those of rows predicted wrongly do not count.
        norm : {1, 2, inf} or float >= 1, optional
            The lp norm of the radii, for the label of the axis.
        name : str, optional
            What the legend calls the curve.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the curve.

        Returns
        -------
        CertifiedAccuracyDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the lengths differ, or a radius is negative or NaN.
        """
        right = _checked_right(y_true, y_pred)
        eps, accuracy = curve_of_radii(
            np.where(right, _checked_radii(radius, right), 0)
        )
        display = cls(
            eps=eps,
            accuracy=accuracy,
            clean_accuracy=float(right.mean()),
            norm=norm,
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    @undisturbed
    def plot(
        self, ax: "Axes | None" = None, *, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw the curve and the line of the clean accuracy.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        name : str, optional
            What the legend calls the curve; by default the `name` of the display.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the curve.

        Returns
        -------
        CertifiedAccuracyDisplay
            The display itself.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots()
        name = self.name if name is None else name
        label = None if name is None else str(name).replace("$", r"\$")
        style = {"drawstyle": "steps-pre", "label": label} | kwargs
        (self.line_,) = ax.plot(*self._steps(), **style)
        self.accuracy_line_ = self._draw_clean_accuracy(ax)
        ax.set(xlabel=_norm_label(self.norm), ylabel="Certified accuracy")
        ax.set_ylim(-0.02, 1.02)
        if style["label"] is not None:
            ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Finite points of the curve, and the level beyond the last of them."""
        finite = np.isfinite(self.eps)
        eps, accuracy = self.eps[finite], self.accuracy[finite]
        beyond = self.accuracy[~finite].sum()
        end = 1.05 * eps[-1] if eps[-1] > 0 else 1.0
        return np.append(eps, end), np.append(accuracy, beyond)

    def _draw_clean_accuracy(self, ax: "Axes") -> Any:
        if self.clean_accuracy is None:
            return None
        label = f"clean accuracy {self.clean_accuracy:.3f}"
        colour = self.line_.get_color()
        return ax.axhline(self.clean_accuracy, color=colour, linestyle=":", label=label)


def _norm_label(norm: float | None) -> str:
    if norm is None:
        return "Radius"
    return radius_of_norm(norm)


def _checked_right(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.bool_]:
    truth, predicted = (
        column_or_1d(y, warn=True) if np.shape(y)[1:] == (1,) else np.asarray(y)
        for y in (y_true, y_pred)
    )
    if truth.ndim != 1 or truth.shape != predicted.shape:
        raise ValueError(
            f"y_true has shape {truth.shape} and y_pred {predicted.shape}; both must "
            "have shape (n_samples,)."
        )
    return np.asarray(truth == predicted)


def _checked_radii(radius: ArrayLike, right: NDArray[np.bool_]) -> NDArray[np.float64]:
    radii = np.asarray(radius, dtype=np.float64)
    if radii.shape != right.shape:
        raise ValueError(
            f"radius has shape {radii.shape}, but y_true has {len(right)} rows."
        )
    if not (radii >= 0).all():
        raise ValueError(
            f"radius has {np.sum(~(radii >= 0))} values that are not >= 0."
        )
    return radii
