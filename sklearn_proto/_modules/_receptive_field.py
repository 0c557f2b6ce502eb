"""Which pixels a position of a feature map depends on."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.utils import _pair

Pair = tuple[int, int]


class Window(NamedTuple):
    """What a layer looks at for a position, along height and width.

    A module of your own that has one as its attribute ``window`` is known, too.
    """

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)  # at the top and the left
    dilation: Pair = (1, 1)


class ReceptiveField(NamedTuple):
    """Pixels that a position of a map can depend on, along height and width.

    Position i depends on the pixels from ``offset + i stride`` on, `size` in number, as
    far as they are in the image.
    """

    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    offset: Pair = (0, 0)

    def through(self, window: Window) -> "ReceptiveField":
        """Field of the map that a layer makes of this one.

        ``r' = r + (k - 1) d j``, ``j' = j s``, ``o' = o - p j`` for the size r, the
        stride j, the offset o, and a kernel of k taps, d apart, with stride s and p
        zeros in front (Araujo, Norris and Sim 2019).
        """
        size, stride, offset = np.array(self)
        kernel, step, padding, dilation = np.array(window)
        found = (
            size + (kernel - 1) * dilation * stride,
            stride * step,
            offset - padding * stride,
        )
        return ReceptiveField(*((int(a), int(b)) for a, b in found))

    def box(
        self,
        position: Any,
        map_shape: tuple[int, ...],
        patch_size: tuple[int, ...],
        image_size: tuple[int, ...],
    ) -> NDArray[np.intp]:
        """Pixels that patches of the map can depend on.

        Parameters
        ----------
        position : int or ndarray of int of any shape
            Flat index of each patch.
        map_shape : tuple of int
            How many patches there are below and beside each other.
        patch_size : tuple of int
            Positions in a patch.
        image_size : tuple of int
            Height and width of the image.

        Returns
        -------
        ndarray of shape (..., 4)
            Top, left, bottom and right, the last two one beyond the box.

        Examples
        --------
        >>> field = ReceptiveField(size=(3, 3), stride=(2, 2), offset=(-1, -1))
        >>> field.box(3, (2, 2), (1, 1), (8, 8)).tolist()
        [1, 1, 4, 4]
        """
        first = np.stack(np.unravel_index(position, map_shape), axis=-1)
        size, stride, offset = np.array(self)
        start = first * stride + offset
        end = (first + np.array(patch_size) - 1) * stride + offset + size
        sides = [np.clip(at, 0, image_size) for at in (start, end)]
        return np.concatenate(sides, axis=-1).astype(np.intp)


def receptive_field(*modules: nn.Module) -> ReceptiveField | None:
    """Field of modules that are called in turn, in evaluation.

    Sequentials of convolutions, poolings and what works on each position by itself, and
    of modules with a `Window` as their attribute ``window``.

    Returns
    -------
    ReceptiveField or None
        None if one of the modules is not known.
    """
    field = ReceptiveField()
    for layer in _layers(modules):
        window = _window(layer)
        if window is None:
            return None
        field = field.through(window)
    return field


def _layers(modules: tuple[nn.Module, ...]) -> Iterator[nn.Module]:
    for module in modules:
        # A subclass may do more than call its children in turn.
        if type(module).forward is nn.Sequential.forward:
            yield from _layers(tuple(module.children()))
        else:
            yield module


def _window(layer: nn.Module) -> Window | None:
    own = getattr(layer, "window", None)
    if own is not None:
        return Window(*own)
    # What a layer does is its forward: a subclass with another is another layer.
    known = _WINDOWS.get(type(layer).forward)
    return None if known is None else known(layer)


def _convolution(layer: Any) -> Window | None:
    # Padding with pixels from elsewhere makes more of the image seen.
    if layer.padding_mode != "zeros":
        return None
    kernel, stride, dilation = layer.kernel_size, layer.stride, layer.dilation
    padding = layer.padding
    if padding == "valid":
        padding = (0, 0)
    if padding == "same":
        # The odd one goes behind.
        padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    return Window(kernel, stride, padding, dilation)


def _max_pooling(layer: Any) -> Window | None:
    if layer.return_indices:
        return None
    sides = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    return Window(*map(_pair, sides))


def _average_pooling(layer: Any) -> Window:
    return Window(*map(_pair, (layer.kernel_size, layer.stride, layer.padding)))


def _pointwise(_: Any) -> Window:
    return Window()


def _normalisation(layer: Any) -> Window | None:
    # Without statistics of its own it takes those of the batch, hence of all pixels.
    return Window() if layer.track_running_stats else None


def _softmax(layer: Any) -> Window | None:
    # Over channels each position is by itself.
    return Window() if layer.dim in (1, -3) else None


_POINTWISE = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.AlphaDropout,
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Sigmoid,
    nn.LogSigmoid,
    nn.Tanh,
    nn.Softplus,
    nn.Softsign,
    nn.Hardtanh,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Threshold,
    nn.Softmax2d,
)
_WINDOWS: dict[Any, Callable[[Any], Window | None]] = {
    **{kind.forward: _pointwise for kind in _POINTWISE},
    nn.Conv2d.forward: _convolution,
    nn.MaxPool2d.forward: _max_pooling,
    nn.AvgPool2d.forward: _average_pooling,
    _BatchNorm.forward: _normalisation,
    nn.Softmax.forward: _softmax,
}
