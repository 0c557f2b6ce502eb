"""How many prototypes each class gets."""

import numpy as np

from sklearn_proto._validation import shown, without_graph


def prototype_counts(asked, classes, available, *, from_rows):
    """Prototypes of each class, of shape (n_classes,).

    Parameters
    ----------
    asked : int or array-like
        The parameter ``n_prototypes_per_class``.
    classes : ndarray of shape (n_classes,)
        Labels.
    available : ndarray of shape (n_classes,)
        Distinct rows of each class.
    from_rows : bool
        Whether the start is computed from the rows, which must then suffice.
    """
    try:
        counts = np.asarray(without_graph(asked))
    except (TypeError, ValueError):  # Lists of different lengths.
        counts = np.empty((0, 0))
    n_classes = len(classes)
    if counts.shape not in ((), (n_classes,)):
        raise ValueError(
            f"n_prototypes_per_class has shape {counts.shape}; use an integer or "
            f"one integer for each of the {n_classes} classes."
        )
    if counts.dtype.kind not in "iu" or (counts < 1).any():
        raise ValueError(
            f"n_prototypes_per_class={shown(asked)} must hold integers of at least 1."
        )
    counts = np.broadcast_to(counts, n_classes)
    short = np.flatnonzero(counts > available)
    if from_rows and len(short):
        c = short[0]
        raise ValueError(
            f"n_prototypes_per_class={counts[c]} is more than the {available[c]} "
            f"distinct rows of class {classes[c].item()!r}."
        )
    return counts
