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
    counts = requested_counts(asked, classes)
    short = np.flatnonzero(counts > available)
    if from_rows and len(short):
        c = short[0]
        raise ValueError(
            f"n_prototypes_per_class={counts[c]} is more than the {available[c]} "
            f"distinct rows of class {shown(classes.tolist()[c])}."
        )
    return counts


def requested_counts(asked, classes):
    """Return the counts (n_classes,) asked for; those of a Series go by its index.

    With "auto" those that growth starts from: one of each.
    """
    n_classes = len(classes)
    if isinstance(asked, str) and asked == "auto":
        asked = 1
    if hasattr(asked, "index") and hasattr(asked, "reindex"):
        labels = list(asked.index)
        if sorted(map(str, labels)) != sorted(map(str, classes.tolist())):
            raise ValueError(
                f"n_prototypes_per_class is a Series with the index {labels}, but the "
                f"classes are {classes.tolist()}; use each class once, or an array."
            )
        asked = asked.reindex(classes).to_numpy()
    try:
        counts = np.asarray(without_graph(asked))
    except (TypeError, ValueError):  # Lists of different lengths.
        counts = np.empty((0, 0))
    if counts.shape not in ((), (n_classes,)):
        raise ValueError(
            f"n_prototypes_per_class has shape {counts.shape}; use an integer or "
            f"one integer for each of the {n_classes} classes."
        )
    if counts.dtype.kind not in "iu" or (counts < 1).any():
        raise ValueError(
            f"n_prototypes_per_class={shown(asked)} must hold integers of at least 1."
        )
    return np.broadcast_to(counts, n_classes)
