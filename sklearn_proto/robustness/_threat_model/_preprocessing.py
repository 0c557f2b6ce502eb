"""See through the affine steps that stand in front of a classifier.

The matrix is all that a certificate needs of them: a perturbation of a raw row moves
the row that the classifier sees by ``A @ delta``, whatever is added to both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._inputs._checked_data import checked_data
from sklearn_proto._inputs._containers import as_float64, without_names
from sklearn_proto._inputs._pipelines import Steps, unwrap_pipeline
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.robustness._threat_model._affine_rounding import (
    lengths_of_errors,
    rounding_of_step,
)
from sklearn_proto.robustness._threat_model._affine_steps import (
    Matrix,
    matrix_of_step,
    product,
)


@dataclass(frozen=True, eq=False)
class AffinePreprocessing:
    """A classifier and the affine map that its pipeline applies before it.

    Parameters
    ----------
    estimator : classifier
        The final fitted classifier, which has a method ``certifiable_view``.
    matrix : None, scipy.sparse.csr_array or ndarray of shape (n_features_of_the_\
classifier, n_features_raw)
        Linear part of the map, float64, its columns in the order of the features at
        fit; None for the identity.
    transformers : tuple
        The fitted steps, in the order they are applied.
    matrices : tuple
        The linear part of each.

    See Also
    --------
    affine_preprocessing : Make one of a pipeline.
    """

    estimator: Any
    matrix: Matrix | None = None
    transformers: tuple[Any, ...] = ()
    matrices: tuple[Matrix | None, ...] = ()

    @undisturbed
    def transform(self, X: Any) -> NDArray[np.float64]:
        """Map raw rows to what the classifier sees, in float64.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features_raw)
            Rows, as the pipeline takes them: sparse ones where a step makes them dense.

        Returns
        -------
        ndarray of shape (n_samples, n_features_of_the_classifier)
            Output of the pipeline's own steps, which take part in the rounding that
            its predictions have.

        Raises
        ------
        ValueError, TypeError
            If a step or the classifier would refuse the rows.
        """
        return self.transform_with_rounding(X)[0]

    @undisturbed
    def transform_with_rounding(
        self, X: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map raw rows, and bound what the arithmetic of the steps does to them.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features_raw)
            Rows, as the pipeline takes them: sparse ones where a step makes them dense.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features_of_the_classifier)
            As of `transform`.
        rounding : ndarray of shape (n_samples,)
            Bound on the Euclidean distance of each row from the affine map in exact
            arithmetic, with room for a perturbed row. A step made of others counts as
            one: what cancels inside of it is not seen.
        """
        rows, errors = self.transform_with_errors(X)
        return rows, lengths_of_errors(errors, len(rows))

    @undisturbed
    def transform_with_errors(
        self, X: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Map raw rows, and bound the errors of their features.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features_raw)
            Rows, as the pipeline takes them: sparse ones where a step makes them dense.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features_of_the_classifier)
            As of `transform`.
        errors : ndarray of shape (n_samples, n_features_of_the_classifier) or None
            Bounds as of `transform_with_rounding`, entry by entry; None where nothing
            is computed.
        """
        rows, error = as_float64(X), None
        # Perturbed rows are arrays even where the pipeline was fitted on a frame.
        with without_names():
            for step, matrix in zip(self.transformers, self.matrices, strict=True):
                given, rows = rows, step.transform(rows)
                error = rounding_of_step(step, matrix, given, rows, error)
            rows = checked_data(self.estimator, rows, dtype=np.float64, reset=False)
        return np.asarray(rows), error


@undisturbed
def affine_preprocessing(estimator: Any) -> AffinePreprocessing:
    """Take the affine steps in front of a classifier apart from it.

    Parameters
    ----------
    estimator : classifier, Pipeline, search or FrozenEstimator
        A fitted classifier that has a method ``certifiable_view``, or one at the end of
        fitted pipelines. Searches count as their ``best_estimator_``.

    Returns
    -------
    AffinePreprocessing
        The classifier and the map.

    Raises
    ------
    ValueError
        If a step is not known to be affine; the message names it.
    TypeError
        If the final estimator has no ``certifiable_view``.
    sklearn.exceptions.NotFittedError
        If the estimator or one of its steps is not fitted.

    See Also
    --------
    register_affine : Teach it another transformer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import affine_preprocessing
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), CBCClassifier(random_state=0))
    >>> preprocessing = affine_preprocessing(model.fit(X, y))
    >>> preprocessing.matrix.diagonal().round(2)
    array([1.21, 2.3 , 0.57, 1.32])
    >>> preprocessing.transform(X).shape
    (150, 4)
    """
    steps, final = unwrap_pipeline(estimator)
    if not hasattr(final, "certifiable_view"):
        check_is_fitted(final)
        raise TypeError(_without_view(final))
    return preprocessing_of(steps, final)


def preprocessing_of(steps: Steps, final: Any) -> AffinePreprocessing:
    """Put a classifier and the affine steps in front of it together."""
    matrices = tuple(matrix_of_step(name, step) for name, step in steps)
    transformers = tuple(step for _, step in steps)
    return AffinePreprocessing(final, product(matrices), transformers, matrices)


def _without_view(final: Any) -> str:
    name = type(final).__name__
    if hasattr(final, "certified_radius"):
        return (
            f"{name} has a certified_radius of its own but no certifiable_view, which "
            "this function reads; use certified_radius."
        )
    return (
        f"{name} has neither certified_radius nor certifiable_view; use a classifier "
        "of sklearn_proto, alone or at the end of a Pipeline, or wrap the classifier "
        "in sklearn_proto.robustness.SmoothedClassifier."
    )
