"""The table of certificates of similarity-based models: one file for each."""

from sklearn_proto.robustness._similarity._certificate import Certificate
from sklearn_proto.robustness._similarity._closed_form import ClosedForm
from sklearn_proto.robustness._similarity._interval import SimilarityInterval
from sklearn_proto.robustness._similarity._second_order import SecondOrder
from sklearn_proto.robustness._similarity._tilted import Tilted
from sklearn_proto.robustness._similarity._trust_region import TrustRegion
from sklearn_proto.robustness._similarity._vertices import Vertices
from sklearn_proto.robustness._similarity._weighted import Weighted

CERTIFICATES: dict[str, Certificate] = {
    certificate.name: certificate
    for certificate in (
        ClosedForm(),
        SimilarityInterval(),
        Tilted(),
        SecondOrder(),
        TrustRegion(),
        Vertices(),
        Weighted(),
    )
}
