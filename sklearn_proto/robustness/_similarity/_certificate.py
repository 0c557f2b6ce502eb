"""What a certificate is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from sklearn_proto._functional import bisected, last_positive
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


class Certificate(Protocol):
    """A lower bound on the distance at which a gap can close.

    A new one is a file with an object of this shape, and its name in the table of
    ``_certificates.py``, or in `CERTIFICATES` from outside; then "auto" takes it too.
    """

    name: str

    def why_not_applicable(
        self, view: SimilarityView, perturbations: Perturbations
    ) -> str | None:
        """Why there is no proof for such a model and ball, or None if there is one.

        There is one for every similarity-based model, unless a certificate says so.

        Parameters
        ----------
        view : SimilarityView
            Fitted model.
        perturbations : Perturbations
            Norm, box and budgets of the features.

        Returns
        -------
        str or None
            Reason, as the end of a sentence.
        """
        del view, perturbations
        return None

    def radius(self, gaps: GapBatch) -> Tensor:
        """Compute the sizes of perturbations below which the gaps stay positive.

        Parameters
        ----------
        gaps : GapBatch
            Gaps of the scores, each of a row and a rival class.

        Returns
        -------
        Tensor of shape (m,)
            Size for each gap.
        """


class RootFindingCertificate(Certificate, ABC):
    """A certificate that is the root of a decreasing bound on the gaps."""

    _rtol = 1e-6
    _max_iter = 100
    # Whether a gap that is open at the farthest size stays open for ever.
    _complete = False

    @abstractmethod
    def smallest_gap(self, gaps: GapBatch) -> Callable[[Tensor], Tensor]:
        """Return a function of sizes (m,): positive where it proves a gap open."""

    def farthest(self, gaps: GapBatch) -> Tensor:
        """Sizes (m,) to search up to."""
        return gaps.far

    def radius(self, gaps: GapBatch) -> Tensor:
        """Sizes (m,) up to which the bound was evaluated and found positive."""
        bound, far = self.smallest_gap(gaps), self.farthest(gaps)
        found = last_positive(bound, far, rtol=self._rtol, max_iter=self._max_iter)
        return found if self._complete else torch.minimum(found, far)

    def improved(
        self, gaps: GapBatch, proven: Tensor, most: Tensor, rtol: float
    ) -> Tensor:
        """Raise radii (m,) where this bound does so by more than `rtol`, up to `most`.

        A look at a size a little larger tells where, and one at the largest whether it
        takes a search.
        """
        larger = proven * (1 + rtol)
        chosen = (self.smallest_gap(gaps)(larger) > 0).nonzero().squeeze(1)
        some, found, most = gaps.take(chosen), larger[chosen], most[chosen]
        far = torch.minimum(self.farthest(some), most)
        open_ = self.smallest_gap(some)(far) > 0
        # A size that is proven already may be farther than this bound searches.
        end = most if self._complete else far
        found = torch.where(open_, torch.maximum(found, end), found)
        left = (~open_).nonzero().squeeze(1)
        bound = self.smallest_gap(some.take(left))
        found[left] = bisected(lambda eps: bound(eps) > 0, found[left], far[left])
        return proven.index_put((chosen,), found)
