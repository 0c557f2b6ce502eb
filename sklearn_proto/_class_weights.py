"""What each class counts by the parameter ``class_weight``."""

from numbers import Real

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from sklearn_proto._validation import shown


def class_weights(asked, classes, y, weight):
    """Weights of the classes, of shape (n_classes,), the largest between 1 and 2.

    Parameters
    ----------
    asked : dict, "balanced" or None
        The parameter ``class_weight``. A class without an entry counts 1.
    classes : ndarray of shape (n_classes,)
        Labels.
    y : ndarray of shape (n_samples,)
        Label of each row.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    """
    if isinstance(asked, str):
        present = np.unique(y[weight > 0])
        found = compute_class_weight(asked, classes=present, y=y, sample_weight=weight)
        by_class = np.zeros(len(classes))
        by_class[np.searchsorted(classes, present)] = found
        return scaled(by_class)
    return scaled(class_weights_of_dict(asked, classes))


def class_weights_of_dict(asked, classes):
    """Weights of the classes from a dict or None, checked but not scaled."""
    asked = {} if asked is None else asked
    for label, value in asked.items():
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not 0 <= value < np.inf:
            raise ValueError(
                f"class_weight={shown(asked)} has the value {shown(value)} for class "
                f"{shown(label)}; values must be finite numbers of at least 0."
            )
    labels = classes.tolist()
    unknown = [label for label in asked if label not in labels]
    # A dict for all classes may name one of which these rows hold none, as a fold may;
    # where it leaves others out, the name is a slip.
    if unknown and any(label not in asked for label in labels):
        raise ValueError(
            f"class_weight={shown(asked)} names {unknown}, not among the classes "
            f"{labels}."
        )
    return np.array([asked.get(label, 1.0) for label in labels], dtype=np.float64)


def scaled(weight):
    """Weights times the power of two that brings the largest between 1 and 2.

    Sums of weights near the largest float would overflow, and a power of two changes
    no digit.
    """
    _, exponent = np.frexp(weight.max(initial=0.0))
    return np.ldexp(weight, 1 - exponent)
