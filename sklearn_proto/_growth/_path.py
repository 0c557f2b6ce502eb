"""What more prototypes bring, and which number is chosen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PREFERENCES = ("fewer", "accuracy")

# A gap of one row in one that differs is its standard error, but for rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class PrototypePath:
    """Held-out accuracy and loss of a classifier with more and more prototypes.

    Made by `prototype_path`, and by a fit with ``n_prototypes_per_class="auto"``, which
    keeps it as ``prototype_path_``.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels.
    n_prototypes_per_class : ndarray of shape (n_sizes, n_classes)
        Prototypes of each class, at each size of the model.
    accuracy : ndarray of shape (n_sizes,)
        Weighted accuracy on held-out rows, in [0, 1].
    accuracy_gap : ndarray of shape (n_sizes,)
        How much less that is than the highest.
    gap_std_error : ndarray of shape (n_sizes,)
        Standard error that the gap would have if both were equally accurate, from the
        rows that only one of them gets right (McNemar).
    loss : ndarray of shape (n_sizes,)
        Weighted log loss on held-out rows.
    certified_accuracy : ndarray of shape (n_sizes,) or None
        Share of the weight of held-out rows that are right and certified.
    chosen : int
        Index of the size that the preference chooses.
    radius : float, optional
        Size of the perturbations that they are certified against.
    norm : float, optional
        The lp norm that measures it.

    Attributes
    ----------
    n_prototypes : ndarray of shape (n_sizes,)
        Prototypes in all, at each size.
    chosen_counts : ndarray of shape (n_classes,)
        Prototypes of each class, at the chosen size.

    See Also
    --------
    sklearn_proto.prototype_path : Computes one.
    sklearn_proto.inspection.PrototypePathDisplay : Draws one.
    """

    classes: NDArray[Any]
    n_prototypes_per_class: NDArray[np.intp]
    accuracy: Array
    accuracy_gap: Array
    gap_std_error: Array
    loss: Array
    certified_accuracy: Array | None
    chosen: int
    radius: float | None = None
    norm: float | None = None

    @property
    def n_prototypes(self) -> NDArray[np.intp]:
        """Prototypes in all, of shape (n_sizes,)."""
        return np.asarray(self.n_prototypes_per_class.sum(axis=1))

    @property
    def chosen_counts(self) -> NDArray[np.intp]:
        """Prototypes of each class (n_classes,) at the chosen size."""
        return np.array(self.n_prototypes_per_class[self.chosen])


def paired_gaps(wrong: NDArray[np.bool_], weight: Array) -> tuple[Array, Array]:
    """How much less accurate each of m models is than the best, and standard errors.

    Of differences on the same rows, `wrong` (m, n): what all models get wrong tells
    nothing, and would hide what one of them gains. The standard error is that of models
    that are equally accurate (McNemar 1947): about their mean, differences of one row
    would always be more than it.
    """
    share = weight / weight.sum()
    error = wrong @ share
    extra = wrong.astype(np.float64) - wrong[error.argmin()]
    gap = error - error.min()
    return gap, np.sqrt(np.square(extra) @ np.square(share))


def chosen_size(gap: Array, std_error: Array, preference: str) -> int:
    """Index of the size that is preferred, of sizes in increasing order.

    "fewer" is the rule of one standard error: the first that is no more than that less
    accurate than the best (Breiman, Friedman, Olshen and Stone 1984).
    """
    allowed = std_error if preference == "fewer" else np.zeros_like(gap)
    return int(np.argmax(gap <= allowed + _ROUNDING))
