"""A report of a fitted model as one HTML file."""

from sklearn_proto.inspection._report._write import report

__all__ = ["report"]
