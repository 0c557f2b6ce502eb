"""Training the heads alone, on similarities that no longer change."""

import torch
from torch import Tensor

from sklearn_proto._functional import best_of_class
from sklearn_proto._modules import NetworkOutputs, PartNetwork, PartOutputs
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._deep._stages import PartLoss, RowBatches


def fit_heads(
    network: PartNetwork,
    batches: RowBatches,
    data: TrainingData,
    losses: tuple[PartLoss, ...],
    iterations: int,
) -> float:
    """Minimise the sum of the losses over the heads; return its value.

    With the rest of the network at rest the similarities are constants, so they are
    computed once, and what is left is a problem of n rows and K columns that L-BFGS
    solves in a few steps: convex for a linear head.
    """
    for parameter in network.parameters():
        parameter.requires_grad = False
    outputs = _cached(network, batches)
    device = outputs.branches[0].similarities.device
    y = torch.as_tensor(data.y, dtype=torch.int64, device=device)
    weight = torch.as_tensor(data.weight, device=device).to(outputs.scores.dtype)
    parameters = [p for b in network.branches for p in b.head.score_parameters()]
    for parameter in parameters:
        parameter.requires_grad = True
    solver = torch.optim.LBFGS(
        parameters, max_iter=iterations, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        now = NetworkOutputs(tuple(_scored(own) for own in outputs.branches))
        value = torch.stack([loss(now, y, weight) for loss in losses]).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    if iterations:
        solver.step(closure)  # type: ignore[no-untyped-call]
    return float(closure().detach())


def _scored(own: PartOutputs) -> PartOutputs:
    """Renew the scores by the head as it is now."""
    scores = best_of_class(own.branch.head.affine().scores(own.similarities))
    return own._replace(scores=scores)


def _cached(network: PartNetwork, batches: RowBatches) -> NetworkOutputs:
    """Similarities of all rows; the maps, which the heads do not see, are dropped."""
    found = []
    with torch.no_grad():
        for _, x in batches():
            found.append([_without_maps(own) for own in network(x).branches])
    return NetworkOutputs(tuple(_joined(own) for own in zip(*found, strict=True)))


def _without_maps(own: PartOutputs) -> PartOutputs:
    nothing = own.patches[:0]
    return own._replace(shallow=nothing, patches=nothing, dissimilarity_map=nothing)


def _joined(parts: tuple[PartOutputs, ...]) -> PartOutputs:
    return parts[0]._replace(
        closest=torch.cat([p.closest for p in parts]),
        similarities=torch.cat([p.similarities for p in parts]),
        scores=torch.cat([p.scores for p in parts]),
    )
