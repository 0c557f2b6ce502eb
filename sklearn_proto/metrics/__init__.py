"""Scores of explanations and of uncertainty, and drawn images to try them on."""

from sklearn_proto.metrics._agreement import agreement_score
from sklearn_proto.metrics._consistency import consistency_score, part_purity_score
from sklearn_proto.metrics._curves import deletion_curve, insertion_curve
from sklearn_proto.metrics._diversity import diversity_score
from sklearn_proto.metrics._drawn_images import make_drawn_images
from sklearn_proto.metrics._drawn_parts import make_drawn_parts
from sklearn_proto.metrics._faithfulness import (
    deletion_score,
    faithfulness_score,
    insertion_score,
)
from sklearn_proto.metrics._part_scorer import make_part_scorer
from sklearn_proto.metrics._purity import purity_score
from sklearn_proto.metrics._risk_coverage import risk_coverage_curve
from sklearn_proto.metrics._sparsity import explanation_size, sparsity_score
from sklearn_proto.metrics._stability import stability_score

__all__ = [
    "agreement_score",
    "consistency_score",
    "deletion_curve",
    "deletion_score",
    "diversity_score",
    "explanation_size",
    "faithfulness_score",
    "insertion_curve",
    "insertion_score",
    "make_drawn_images",
    "make_drawn_parts",
    "make_part_scorer",
    "part_purity_score",
    "purity_score",
    "risk_coverage_curve",
    "sparsity_score",
    "stability_score",
]
