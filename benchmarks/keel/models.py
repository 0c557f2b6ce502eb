"""The models that are compared, by name, with plain defaults unless it is said."""

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from sklearn_proto import (
    CBCClassifier,
    GLVQClassifier,
    GMLVQClassifier,
    GTLVQClassifier,
    LGMLVQClassifier,
    RBFClassifier,
    RSLVQClassifier,
)


def tuned_svc(X):
    """C and gamma by three folds; the widths are multiples of scikit-learn's own."""
    scale = 1 / (X.shape[1] * X.var())
    grid = {"C": [0.1, 1, 10, 100], "gamma": [scale * g for g in (0.1, 0.3, 1, 3)]}
    return GridSearchCV(SVC(), grid, cv=3)


def explainable_boosting(_):
    from interpret.glassbox import ExplainableBoostingClassifier

    return ExplainableBoostingClassifier(random_state=0, n_jobs=1)


OURS = {
    "RBF": RBFClassifier,
    "CBC": CBCClassifier,
    "GLVQ": GLVQClassifier,
    "GMLVQ": GMLVQClassifier,
    "LGMLVQ": LGMLVQClassifier,
    "GTLVQ": GTLVQClassifier,
    "RSLVQ": RSLVQClassifier,
}
# Functions of the training rows.
OTHERS = {
    "SVC": lambda _: SVC(),
    "SVC tuned": tuned_svc,
    "random forest": lambda _: RandomForestClassifier(random_state=0),
    "gradient boosting": lambda _: HistGradientBoostingClassifier(random_state=0),
    "logistic": lambda _: LogisticRegression(max_iter=1000),
    "kNN": lambda _: KNeighborsClassifier(),
    "EBM": explainable_boosting,
}
NAMES = [*OTHERS, *OURS]
# A fit takes minutes, and needs ``pip install --no-deps interpret-core``.
SLOW = ["EBM"]


def build(variant, X):
    """Unfitted estimator for some training rows; settings are for one of ours."""
    if variant.name in OURS:
        model = OURS[variant.name](random_state=0, **variant.settings)
    else:
        model = OTHERS[variant.name](X)
    if variant.calibration:
        method = variant.calibration
        return CalibratedClassifierCV(model, method=method, cv=5, ensemble=False)
    return model


def with_probabilities(fitted, X, y):
    """The fitted model, or SVC of the same settings with libsvm's own probabilities.

    They are of pairs of classes, coupled; CalibratedClassifierCV, which scikit-learn is
    to have in their place, takes each class against the rest, and loses more.
    """
    if hasattr(fitted, "predict_proba"):
        return fitted
    best = getattr(fitted, "best_estimator_", fitted)
    return clone(best).set_params(probability=True, random_state=0).fit(X, y)
