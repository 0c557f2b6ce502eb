"""The table of certificates."""

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._certificate import Certificate
from sklearn_proto.robustness._closed_form import ClosedForm
from sklearn_proto.robustness._interval import Interval
from sklearn_proto.robustness._second_order import SecondOrder
from sklearn_proto.robustness._tilted import Tilted
from sklearn_proto.robustness._trust_region import TrustRegion

CERTIFICATES: dict[str, Certificate] = {
    certificate.name: certificate
    for certificate in (
        ClosedForm(),
        Interval(),
        Tilted(),
        SecondOrder(),
        TrustRegion(),
    )
}


def certificate(view: SimilarityView, method: str) -> Certificate:
    """Look a certificate up by its name; it must have a proof for the model."""
    if method not in CERTIFICATES:
        raise ValueError(
            f"method={method!r} is not a certificate; use one of "
            f"{['auto', *CERTIFICATES, 'exact']}."
        )
    reason = CERTIFICATES[method].refusal(view)
    if reason is not None:
        raise ValueError(f"method={method!r} has no proof for this model: {reason}.")
    return CERTIFICATES[method]
