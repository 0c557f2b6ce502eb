"""Parameters that only the training data can check."""

import numpy as np

from sklearn_proto._training import initial_sigma
from sklearn_proto._validation import as_numbers, shown

# Of smaller numbers not all digits are there.
_NARROWEST = float(np.finfo(np.float64).tiny)


def given_prototypes(init, shape):
    """Check the array `init` against the `shape` that the other parameters ask for."""
    given = as_numbers("init", init).copy()
    if given.shape != shape:
        raise ValueError(
            f"init has shape {given.shape}, but n_prototypes_per_class and X ask "
            f"for {shape}, in the order of the classes."
        )
    if not np.isfinite(given).all():
        raise ValueError("init contains NaN or infinity; it must be finite.")
    return given


def starting_widths(sigma, nearest, weight, k):
    """Widths of shape (1,), if shared, or (k,), from the parameter ``sigma``.

    `nearest` holds the D of the rows to their closest prototypes, `weight` their
    weights.
    """
    if isinstance(sigma, str):
        return np.array([initial_sigma(nearest, weight)])
    return given_widths(sigma, k)


def given_widths(sigma, k):
    """Check the number or array `sigma`; widths of shape (1,), if shared, or (k,)."""
    widths = np.atleast_1d(as_numbers("sigma", sigma))
    if widths.shape not in ((1,), (k,)):
        raise ValueError(
            f"sigma has shape {widths.shape}; use 'auto', a number, or one for each "
            f"of the {k} prototypes."
        )
    if not ((widths >= _NARROWEST) & np.isfinite(widths)).all():
        raise ValueError(
            f"sigma={shown(sigma)} must be positive and finite everywhere, and at "
            f"least {_NARROWEST:g}: of less there is no inverse."
        )
    return widths


def concept_owners(labels, n_classes, q):
    """Each class's prototypes, dealt out to its q concepts in turn; (n_classes, q, K).

    With fewer prototypes than concepts, concepts share; a class may have none.
    """
    owners = np.zeros((n_classes, q, len(labels)))
    for c in range(n_classes):
        own = np.flatnonzero(labels == c)
        for turn in range(max(q, len(own)) if len(own) else 0):
            owners[c, turn % q, own[turn % len(own)]] = 1.0
    return owners
