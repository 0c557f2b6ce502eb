"""Layers that cannot bring two images farther apart, whatever their parameters.

Every layer here is 1-Lipschitz in l2 by parametrisation, so that their composition is:
a perturbation of the pixels moves the latent map by no more than its own length.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from sklearn_proto._modules._derived import DerivedOnce
from sklearn_proto._modules._image_layout import ImageLayout
from sklearn_proto._modules._receptive_field import Window

# A map of more positions than this a side is halved: parts, not pixels.
_LARGEST_SIDE = 7
_WIDTHS = (16, 32, 64, 64)
# Of the grid on which norms of convolutions are looked at, along each axis.
_FREQUENCIES = 8
# Of the bounds on squared norms.
_SMALLEST = 1e-30


class OrthogonalConv(DerivedOnce):
    """Convolution of patches side by side by a matrix of orthonormal rows or columns.

    Patches that do not overlap are coordinates of their own, so the norm of the map is
    that of the matrix: 1. The matrix is the first factor Q of ``raw = QR``, with a
    positive diagonal of R to make it unique: orthogonal to the last digit of whatever
    type it is computed in, not only of the type that `raw` was trained in.

    Parameters
    ----------
    taken, given : int
        Channels.
    kernel : tuple of two int
        Height and width of a patch. Pixels that fill no patch are dropped.
    """

    lipschitz = 1.0

    def __init__(self, taken: int, given: int, kernel: tuple[int, int] = (1, 1)):
        super().__init__()
        self.shape = (given, taken, *kernel)
        self.window = Window(kernel, stride=kernel)
        self.raw = nn.Parameter(torch.randn(given, taken * kernel[0] * kernel[1]))
        self.bias = nn.Parameter(torch.zeros(given))

    def weight(self) -> Tensor:
        """Kernels (given, taken, height, width)."""
        return self._derived(self.raw, orthonormal).reshape(self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, taken, H, W) to (n, given, H', W')."""
        return conv2d(x, self.weight(), self.bias, stride=self.window.stride)


def orthonormal(raw: Tensor) -> Tensor:
    """Orthonormal columns of a tall matrix, or rows of a wide one: its factor Q."""
    tall = raw.shape[0] >= raw.shape[1]
    q, r = torch.linalg.qr(raw if tall else raw.T)
    unique: Tensor = q * r.diagonal().sign()
    return unique if tall else unique.T


class MaxMin(nn.Module):
    """Larger and smaller of pairs of channels (Anil, Lucas & Grosse 2019).

    Sorting changes no length, and brings no two vectors farther apart.
    """

    lipschitz = 1.0
    window = Window()

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, H, W), an even number of channels, to the same shape."""
        a, b = x.chunk(2, 1)
        return torch.cat([torch.maximum(a, b), torch.minimum(a, b)], 1)


class PotentialConv(DerivedOnce):
    """Step down a convex potential: ``x - (2 / T) W^T relu(W x + b)``, W a convolution.

    The Jacobian is ``I - (2 / T) W^T D W`` with D diagonal in [0, 1]: its eigenvalues
    are in [-1, 1] where T is at least the squared norm of W (Meunier et al. 2022).

    Parameters
    ----------
    channels : int
        Of the map, and of what W makes of it.
    """

    lipschitz = 1.0
    # Three by three, there and back.
    window = Window((5, 5), padding=(2, 2))

    def __init__(self, channels: int):
        super().__init__()
        shape = (channels, channels, 3, 3)
        self.kernels = nn.Parameter(torch.randn(shape) / (9 * channels) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, H, W) to the same shape."""
        active = conv2d(x, self.kernels, self.bias, padding=1).relu()
        step = 2.0 / self._derived(self.kernels, squared_norm_bound)
        return x - step * conv_transpose2d(active, self.kernels, padding=1)


def squared_norm_bound(kernels: Tensor) -> Tensor:
    """Bound on the squared norm of a convolution with kernels (D', D, 3, 3) in l2.

    An image with zeros around it is a vector of the infinite lattice, and its map a
    part of the convolution there, whose norm is the supremum over frequencies of that
    of ``S(w) = sum_o kernels[o] exp(i w.o)``.

    A grid of frequencies does not miss it by much. For unit vectors u and v that attain
    the supremum M, and a phase that makes it real, ``Re u* S v`` is a trigonometric
    polynomial of degree 1 in each frequency and nowhere more than M. By a lemma of
    M. Riesz it is at least ``M cos(t)`` at a distance t from where it is M, along one
    axis, and then again along the other: of N points per axis one has at least
    ``M cos(pi / N)^2``.

    At each of them the norm of ``G = S S*`` is at most the fourth root of the Frobenius
    norm of ``G^4``, which is close to it and smooth.

    Parameters
    ----------
    kernels : Tensor of shape (D', D, 3, 3)
        Kernels; zeros around the maps, if any.

    Returns
    -------
    Tensor of shape ()
        The bound, positive.
    """
    tiny = torch.finfo(kernels.dtype).tiny
    # In this unit no power over- or underflows.
    unit = kernels.square().sum().clamp_min(tiny)
    # The symbols of real kernels at w and -w are conjugate, so one half is enough.
    symbols = torch.fft.rfft2(kernels / unit.sqrt(), s=(_FREQUENCIES, _FREQUENCIES))
    s = symbols.permute(2, 3, 0, 1)
    gram = s @ s.mH
    fourth = torch.linalg.matrix_power(gram, 4)
    largest = torch.linalg.matrix_norm(fourth).amax().clamp_min(tiny)
    missed = math.cos(math.pi / _FREQUENCIES) ** 4
    # More than enough for kernels of next to nothing, and 1 over it is a number.
    bound: Tensor = unit * largest.pow(0.25) / missed
    return bound.clamp_min(_SMALLEST)


def lipschitz_backbone(layout: ImageLayout) -> nn.Sequential:
    """Convolutional network for small images that is 1-Lipschitz in l2.

    The channels of a pixel are spread over more. Then come blocks that look at the
    neighbours by a `PotentialConv` and at patches, side by side, by an
    `OrthogonalConv`; while there are more than 7 positions a side, it halves the map.
    """
    side, taken = (layout.height, layout.width), _WIDTHS[0]
    blocks = [nn.Sequential(OrthogonalConv(layout.channels, taken), MaxMin())]
    while len(blocks) < len(_WIDTHS) or max(side) > _LARGEST_SIDE:
        given = _WIDTHS[min(len(blocks), len(_WIDTHS) - 1)]
        height, width = (2 if s > _LARGEST_SIDE else 1 for s in side)
        blocks.append(_block(taken, given, (height, width)))
        taken, side = given, (side[0] // height, side[1] // width)
    return nn.Sequential(*blocks)


def _block(taken: int, given: int, kernel: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        PotentialConv(taken), OrthogonalConv(taken, given, kernel), MaxMin()
    )


def lipschitz_bound(module: nn.Module) -> float | None:
    """Lipschitz constant in l2, of modules in a row their product; None if unknown."""
    # A subclass may do more than call its children in turn.
    if type(module) is not nn.Sequential:
        return getattr(module, "lipschitz", None)
    total = 1.0
    for child in module:
        known = lipschitz_bound(child)
        if known is None:
            return None
        total *= known
    return total
