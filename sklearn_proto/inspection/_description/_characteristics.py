"""What prototypes are about: the result of `describe_prototypes`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.explain._sentence import listed, name

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]

# A text of more prototypes than this says how many more there are.
_PROTOTYPES_SHOWN = 20
# Of the similarity. What takes away less is not worth a word.
_NEGLIGIBLE = 0.02
# Of the largest importance. What is above this is named as well.
_CLOSE = 0.5


@dataclass(frozen=True, repr=False, eq=False)
class PrototypeCharacteristics:
    """How much each characteristic of the input matters to each prototype.

    With g the similarity of a row to a prototype and g' the one of the row in which a
    characteristic has been changed, at the same place, the importance is g - g'. It is
    positive where the characteristic mattered, and at most g.

    Parameters
    ----------
    characteristics : ndarray of shape (n_characteristics,) of str
        Names of what was changed.
    prototype_labels : ndarray of shape (K,)
        Class of each prototype.
    global_importance : ndarray of shape (K, n_characteristics)
        Mean of the local importance over the rows, each weighted by its similarity:
        rows count in which the prototype is present.
    local_importance : ndarray of shape (n, K, n_characteristics)
        Importance g - g' of every row.
    similarities : ndarray of shape (n, K)
        Similarity g of every row.
    mean_similarities : ndarray of shape (K,)
        Mean of g over the rows, weighted in the same way.

    See Also
    --------
    describe_prototypes : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_proto.inspection import PrototypeCharacteristics
    >>> found = PrototypeCharacteristics(
    ...     characteristics=np.array(["hue", "shape"]),
    ...     prototype_labels=np.array([3]),
    ...     global_importance=np.array([[0.1, 0.7]]),
    ...     local_importance=np.array([[[0.0, 0.6]], [[0.2, 0.8]]]),
    ...     similarities=np.array([[0.9], [0.9]]),
    ...     mean_similarities=np.array([0.9]),
    ... )
    >>> print(found)
    Prototype 0 of class 3 is mostly about shape (0.70 of a similarity of 0.90).
    >>> found.mostly_about
    array(['shape'], dtype='<U5')
    """

    characteristics: NDArray[Any]
    prototype_labels: NDArray[Any]
    global_importance: Array
    local_importance: Array
    similarities: Array
    mean_similarities: Array

    @property
    def mostly_about(self) -> NDArray[Any]:
        """Most important characteristic of each prototype, of shape (K,)."""
        return np.asarray(self.characteristics[self.global_importance.argmax(axis=1)])

    def to_frame(self, *, local: bool = False) -> "DataFrame":
        """Tidy table with one line per prototype and characteristic.

        Parameters
        ----------
        local : bool
            Whether to have such lines for every row.

        Returns
        -------
        pandas.DataFrame
            Columns row (if `local`), prototype, prototype_label, similarity,
            characteristic and importance.
        """
        import pandas as pd

        values = self.local_importance if local else self.global_importance[None]
        near = self.similarities if local else self.mean_similarities[None]
        row, prototype, which = np.indices(values.shape).reshape(3, -1)
        columns = {
            "row": row,
            "prototype": prototype,
            "prototype_label": self.prototype_labels[prototype],
            "similarity": near[row, prototype],
            "characteristic": self.characteristics[which],
            "importance": values.ravel(),
        }
        if not local:
            del columns["row"]
        return pd.DataFrame(columns)

    def sentences(self, row: int | None = None) -> list[str]:
        """Say in words what each prototype is about.

        Parameters
        ----------
        row : int, optional
            The row in which it is found; by default all of them together.

        Returns
        -------
        list of str
            One sentence for each prototype.
        """
        if row is None:
            near, values, where = self.mean_similarities, self.global_importance, ""
        else:
            near, values = self.similarities[row], self.local_importance[row]
            where = f" in row {row}"
        about = map(self._about, near, values)
        return [
            f"Prototype {j} of {name(label)}{where} is {words}."
            for j, (label, words) in enumerate(
                zip(self.prototype_labels, about, strict=True)
            )
        ]

    def _about(self, near: float, importance: Array) -> str:
        order = np.argsort(-importance, kind="stable")
        largest = importance[order[0]]
        if largest <= _NEGLIGIBLE * near:
            choice = " or ".join(self.characteristics)
            return f"hardly about {choice} (similarity {near:.2f})"
        words = f"mostly about {self.characteristics[order[0]]} "
        words += f"({largest:.2f} of a similarity of {near:.2f})"
        others = [
            f"{self.characteristics[i]} ({importance[i]:.2f})"
            for i in order[1:]
            if importance[i] > _CLOSE * largest
        ]
        return f"{words}, and about {listed(others)}" if others else words

    def __str__(self) -> str:
        """Sentences, one for each prototype."""
        lines = self.sentences()
        rest = len(lines) - _PROTOTYPES_SHOWN
        if rest > 0:
            lines[_PROTOTYPES_SHOWN:] = [f"... and {rest} more prototypes."]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Summarise on one line."""
        n, k, _ = self.local_importance.shape
        return f"{type(self).__name__}({k} prototypes, {n} rows: " + (
            f"{', '.join(self.characteristics)})"
        )
