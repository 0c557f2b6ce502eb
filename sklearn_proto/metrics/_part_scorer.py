"""Scores that need annotated parts, as scorers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import MetadataRequest


def make_part_scorer(score: Callable[..., Any], **options: Any) -> "_PartScorer":
    """Make a score of annotated parts a scorer, as for ``GridSearchCV(scoring=)``.

    A search splits the parts as it splits the rows, if scikit-learn routes metadata and
    ``fit`` is given them: ``search.fit(X, y, parts=parts)``.

    Parameters
    ----------
    score : callable
        `consistency_score`, `stability_score`, `part_purity_score` or another with
        the signature ``(estimator, X, y, *, parts, **options)``.
    **options : dict
        Passed to it.

    Returns
    -------
    callable
        A function ``(estimator, X, y, parts)``; higher is better.

    See Also
    --------
    consistency_score : One of the scores.

    Examples
    --------
    >>> from sklearn import config_context
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_proto import ProtoPNetClassifier
    >>> from sklearn_proto.metrics import (
    ...     consistency_score,
    ...     make_drawn_parts,
    ...     make_part_scorer,
    ... )
    >>> X, y, parts = make_drawn_parts(30, random_state=0)
    >>> model = ProtoPNetClassifier(1, max_epochs=1, random_state=0)
    >>> scorer = make_part_scorer(consistency_score, threshold=0.9)
    >>> with config_context(enable_metadata_routing=True):
    ...     found = cross_validate(
    ...         model, X, y, cv=2, scoring=scorer, params={"parts": parts}
    ...     )
    >>> found["test_score"].shape
    (2,)
    """
    return _PartScorer(score, options)


@dataclass(frozen=True, eq=False, repr=False)
class _PartScorer:
    """What `make_part_scorer` returns."""

    score: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, estimator: Any, X: Any, y: ArrayLike, parts: ArrayLike) -> float:
        """Score the fitted estimator."""
        return float(self.score(estimator, X, y, parts=parts, **self.options))

    def get_metadata_routing(self) -> MetadataRequest:
        """Tell scikit-learn that the score takes the parts."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="parts", alias=True)
        return request

    def __repr__(self) -> str:
        keywords = "".join(f", {name}={v!r}" for name, v in self.options.items())
        return f"make_part_scorer({self.score.__name__}{keywords})"
