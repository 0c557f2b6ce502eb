"""Branch and bound for Gaussian models on Euclidean balls."""

from sklearn_proto.robustness._similarity._branch_and_bound._radius_bracket import (
    RadiusBracket,
    branch_and_bound,
)

__all__ = ["RadiusBracket", "branch_and_bound"]
