"""What a layer makes of its parameters, kept while it only predicts."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class DerivedOnce(nn.Module):
    """Layer that derives one tensor from one of its parameters.

    In evaluation and without gradients the tensor is the same at every call: a search
    for perturbations calls a fitted network thousands of times. It is no buffer, so
    that the state of the network is its parameters alone.
    """

    _kept: tuple[tuple[object, ...], Tensor] | None = None

    def train(self, mode: bool = True) -> "DerivedOnce":  # noqa: FBT001, FBT002
        """Switch to training or evaluation, and forget what was derived before."""
        self._kept = None
        super().train(mode)
        return self

    def _derived(self, parameter: Tensor, derive: Callable[[Tensor], Tensor]) -> Tensor:
        """Return ``derive(parameter)``, from memory where neither can have changed."""
        if (
            self.training
            or parameter.requires_grad
            or torch.is_inference_mode_enabled()
        ):
            return derive(parameter)
        version = 0 if parameter.is_inference() else parameter._version
        state = (version, parameter.data_ptr(), parameter.dtype, parameter.device)
        if self._kept is None or self._kept[0] != state:
            self._kept = state, derive(parameter)
        return self._kept[1]
