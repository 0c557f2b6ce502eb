"""Pure tensor functions: no parameters, no state, no devices chosen here."""

from sklearn_proto._functional._bounds import (
    closed_form_radius,
    interval_range,
    lipschitz_constant,
)
from sklearn_proto._functional._competition import best_of_class, best_rival
from sklearn_proto._functional._distances import (
    mapped_squares,
    safe_sqrt,
    squared_distances,
    squared_projections,
    tangent_coordinates,
)
from sklearn_proto._functional._local_maps import LocalMaps
from sklearn_proto._functional._norms import lp_distances, lp_norm
from sklearn_proto._functional._patches import (
    cosine_map,
    patch_squares,
    patches_at,
    product_map,
    squared_distance_map,
)
from sklearn_proto._functional._psi import log_psi
from sklearn_proto._functional._reasoning import (
    Affine,
    agreement,
    indefinite_agreement,
    signed_probabilities,
)
from sklearn_proto._functional._roots import bisected, last_positive
from sklearn_proto._functional._second_order import second_order_gap
from sklearn_proto._functional._similarities import exponents, similarities

__all__ = [
    "Affine",
    "LocalMaps",
    "agreement",
    "best_of_class",
    "best_rival",
    "bisected",
    "closed_form_radius",
    "cosine_map",
    "exponents",
    "indefinite_agreement",
    "interval_range",
    "last_positive",
    "lipschitz_constant",
    "log_psi",
    "lp_distances",
    "lp_norm",
    "mapped_squares",
    "patch_squares",
    "patches_at",
    "product_map",
    "safe_sqrt",
    "second_order_gap",
    "signed_probabilities",
    "similarities",
    "squared_distance_map",
    "squared_distances",
    "squared_projections",
    "tangent_coordinates",
]
