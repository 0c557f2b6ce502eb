"""Explanations behind a pipeline, in the names and units of the data."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.explain import Explanation
from sklearn_proto.inspection._unwrapped_model import unwrap_model


@undisturbed
@validated(estimator="no_validation", X="no_validation", feature_names="no_validation")
def explain(
    estimator: Any, X: Any, *, feature_names: ArrayLike | None = None
) -> Explanation:
    """Explain rows with a classifier at the end of a pipeline.

    Rows, prototypes and names are those of the data, as far as the steps in front of
    the classifier can be undone. Contributions are those of its own ``explain``.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        A fitted classifier with prototypes, alone or at the end of a pipeline.
    X : array-like of shape (n_samples, n_features)
        Rows, as the estimator takes them.
    feature_names : array-like of shape (n_features,), optional
        Names of the features; by default those that the model was fitted on.

    Returns
    -------
    Explanation
        Of the kind that the classifier makes. What the components of a step like PCA
        add is told in their own names and units.

    Raises
    ------
    TypeError
        If the classifier has no prototypes.
    ValueError
        If `X` is not what ``predict`` takes, or `feature_names` do not fit.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.inspection import explain
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), GLVQClassifier(random_state=0))
    >>> explanation = explain(model.fit(X, y), X[:5])
    >>> str(explanation.feature_names[explanation.top_features(1)[0, 0]])
    'sepal length (cm)'
    """
    unwrapped = unwrap_model(estimator, feature_names)
    rows = unwrapped.shown(X)
    return unwrapped.explain(X, np.arange(len(rows)))
