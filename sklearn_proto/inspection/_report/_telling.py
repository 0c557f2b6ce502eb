"""Rows that tell the most about a model."""

import numpy as np

from sklearn_proto.inspection._report._subject import Subject


def telling_rows(subject: Subject) -> dict[int, str]:
    """Find a typical row, the narrowest decision and the clearest mistake.

    Returns
    -------
    dict of int to str
        Why each row was chosen.
    """
    found: dict[int, str] = {}
    right = np.flatnonzero(subject.right)
    wrong = np.flatnonzero(~subject.right)
    if len(right):
        order = right[np.argsort(subject.leads[right], kind="stable")]
        found[int(order[len(order) // 2])] = "a typical right decision"
        found.setdefault(int(order[0]), "the narrowest right decision")
    if len(wrong):
        clearest = wrong[np.argmax(subject.leads[wrong])]
        found[int(clearest)] = "the mistake with the largest lead"
    return found
