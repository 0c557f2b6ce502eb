"""What a fitted model is: enough to predict, explain and certify it."""

from sklearn_proto._views._nearest import Curvature, NearestPrototypeView
from sklearn_proto._views._part import PartPrototypeView
from sklearn_proto._views._similarity import SimilarityView
from sklearn_proto._views._whole import WholePrototypeView

__all__ = [
    "Curvature",
    "NearestPrototypeView",
    "PartPrototypeView",
    "SimilarityView",
    "WholePrototypeView",
]
