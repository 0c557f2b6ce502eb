"""Scores of explanations, and drawn images to try them on."""

from sklearn_proto.metrics._drawn_images import make_drawn_images

__all__ = ["make_drawn_images"]
