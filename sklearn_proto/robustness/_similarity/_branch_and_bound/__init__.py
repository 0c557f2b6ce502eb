"""Branch and bound for Gaussian models on Euclidean balls."""

from sklearn_proto.robustness._similarity._branch_and_bound._narrow import Ends, narrow

__all__ = ["Ends", "narrow"]
