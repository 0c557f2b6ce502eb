"""Parameters that only the training data can check."""

import numpy as np

from sklearn_proto._training import initial_sigma
from sklearn_proto._validation import as_numbers, shown
from sklearn_proto.shallow._tangents import nearest_prototype

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


def starting_widths(data, prototypes, tangents, metric, omega=None):
    """Width of shape (1,), of all prototypes, for ``sigma="auto"``.

    A map `omega` (r, d) takes rows and prototypes to where they are compared.
    """
    X = data.X
    if omega is not None:
        centre = prototypes.mean(axis=0)
        X, prototypes = ((points - centre) @ omega.T for points in (X, prototypes))
    nearest, _ = nearest_prototype(X, prototypes, tangents)
    between = np.array(
        [
            nearest_prototype(w[None], np.delete(prototypes, k, axis=0))[0][0]
            for k, w in enumerate(prototypes)
        ]
        if len(prototypes) > 1
        else [0.0]
    )
    d = prototypes.shape[1]
    # Squared distances come from a product of matrices about the mean prototype.
    extent = np.square(X - prototypes.mean(axis=0)).sum(axis=1).max()
    rounding = 16 * (d + 8) * np.finfo(np.float64).eps * extent
    if metric != "sqeuclidean":
        nearest, between = np.sqrt(nearest), np.sqrt(between)
        rounding = np.sqrt(rounding)
    return np.array([initial_sigma(nearest, data.weight, between, rounding)])


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
