"""Raw rows as a view sees them, behind affine steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from torch import Tensor

from sklearn_proto._views._points import Points

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PreprocessedView:
    """What stands between raw rows and a view: there, and back.

    Parameters
    ----------
    view : Points
        Certifiable view.
    transform : callable
        Maps raw rows to those of the view.
    matrix : None, sparse array or ndarray of shape (dz, d)
        Linear part of that map; None for the identity.
    """

    view: Points
    transform: Callable[[Array], Array]
    matrix: Any

    def rows(self, X: Array) -> Array:
        """Raw rows as the view gets them, also none at all."""
        if not len(X):  # Transformers refuse no rows.
            return np.zeros((0, self.view.prototypes.shape[1]))
        return np.asarray(self.transform(X), dtype=np.float64)

    def tensor(self, X: Array) -> Tensor:
        """Raw rows as a tensor of the view."""
        return self.view.tensor(self.rows(X))

    def raw(self, gradient: Array) -> Array:
        """Gradient with respect to what stands before the affine map."""
        if self.matrix is None:
            return gradient
        return np.asarray((self.matrix.T @ gradient.T).T)

    def prototypes(self, centre: Array) -> Array:
        """Prototypes (K, d) as raw rows: the map's pseudoinverse about a point."""
        w = self.view.prototypes
        if self.matrix is None:
            return np.asarray(w, dtype=np.float64)
        a = self.matrix.toarray() if issparse(self.matrix) else self.matrix
        away = w - self.transform(centre[None])
        return np.asarray(centre + np.linalg.lstsq(a, away.T)[0].T)
