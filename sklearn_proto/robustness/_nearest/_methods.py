"""The table of certificates of nearest-prototype models."""

from sklearn_proto.robustness._nearest._auto import NearestAuto
from sklearn_proto.robustness._nearest._certificate import NearestCertificate
from sklearn_proto.robustness._nearest._exact import Exact
from sklearn_proto.robustness._nearest._hyperplane import Hyperplane
from sklearn_proto.robustness._nearest._interval import NearestInterval
from sklearn_proto.robustness._nearest._margin import Margin
from sklearn_proto.robustness._nearest._quadric import Quadric

NEAREST_CERTIFICATES: dict[str, NearestCertificate] = {
    certificate.name: certificate
    for certificate in (
        NearestAuto(),
        Margin(),
        NearestInterval(),
        Hyperplane(),
        Quadric(),
        Exact(),
    )
}
