"""Certificates of part-prototype networks with a known Lipschitz constant."""

from sklearn_proto.robustness._parts._family import PartFamily

__all__ = ["PartFamily"]
