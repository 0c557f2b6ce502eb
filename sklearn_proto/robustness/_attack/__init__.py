"""The smallest perturbation an attack can find: an upper bound on the true radius."""

from sklearn_proto.robustness._attack._empirical import (
    EmpiricalRadius,
    empirical_radius,
)

__all__ = ["EmpiricalRadius", "empirical_radius"]
