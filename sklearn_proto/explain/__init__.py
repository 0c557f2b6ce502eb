"""Decisions taken apart into what each prototype contributes."""

from sklearn_proto.explain._contributions import (
    Contributions,
    agreement_contributions,
    linear_contributions,
)
from sklearn_proto.explain._explanation import Explanation

__all__ = [
    "Contributions",
    "Explanation",
    "agreement_contributions",
    "linear_contributions",
]
