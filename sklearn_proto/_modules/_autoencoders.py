"""Encoders that turn a row into a point, and decoders that turn it back."""

from math import prod, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_proto._modules._image_layout import ImageLayout

# A map is halved until it has at most so many positions a side.
_SMALLEST_SIDE = 2
# Of a mean in [0, 1] that a sigmoid starts at.
_DARKEST = 0.01


class Autoencoder(NamedTuple):
    """An encoder, a decoder, and the length of the code between them."""

    encoder: nn.Module  # from maps (n, channels, height, width) to codes (n, q)
    decoder: nn.Module  # from codes to maps
    code_size: int


def convolutional_autoencoder(
    layout: ImageLayout, n_channels: int, n_latent_channels: int
) -> Autoencoder:
    """3x3 convolutions of stride 2, and their mirror image, for pixels in [0, 1].

    As many as it takes to leave at most two positions a side: four for 28 pixels, as
    in Li et al. 2018.
    """
    sides = _halved((layout.height, layout.width))
    steps = len(sides) - 1
    widths = [layout.channels, *[n_channels] * (steps - 1), n_latent_channels]
    encoder: list[nn.Module] = []
    decoder: list[nn.Module] = []
    for i in range(steps):
        down = nn.Conv2d(widths[i], widths[i + 1], 3, stride=2, padding=1)
        # The mirror of an odd side must not end up one pixel larger.
        extra = (1 - sides[i][0] % 2, 1 - sides[i][1] % 2)
        up = nn.ConvTranspose2d(
            widths[i + 1], widths[i], 3, stride=2, padding=1, output_padding=extra
        )
        encoder += [down, nn.ReLU()]
        decoder = [nn.ReLU(), up, *decoder]
    shape = (n_latent_channels, *sides[-1])
    # Codes are any numbers, and pixels are in [0, 1].
    encoder[-1] = nn.Flatten()
    decoder[0] = nn.Unflatten(1, shape)
    return Autoencoder(
        _with_start(encoder), _with_start([*decoder, nn.Sigmoid()]), prod(shape)
    )


def start_at_means(decoder: nn.Module, means: Tensor) -> None:
    """Let a convolutional decoder start near the mean (channels,) of the pixels.

    On a hasty way from grey to a mostly black image the sigmoid may saturate for good.
    """
    *_, last, _ = decoder.children()
    assert isinstance(last, nn.ConvTranspose2d)
    assert last.bias is not None
    with torch.no_grad():
        last.bias.copy_(torch.logit(means, eps=_DARKEST))


def dense_autoencoder(
    layout: ImageLayout, n_channels: int, n_latent_channels: int
) -> Autoencoder:
    """One hidden layer either way, for rows of numbers of mean 0 and variance 1."""
    d = layout.n_features
    encoder = [
        nn.Flatten(),
        nn.Linear(d, n_channels),
        nn.ReLU(),
        nn.Linear(n_channels, n_latent_channels),
    ]
    decoder = [
        nn.Linear(n_latent_channels, n_channels),
        nn.ReLU(),
        nn.Linear(n_channels, d),
        nn.Unflatten(1, (layout.channels, layout.height, layout.width)),
    ]
    return Autoencoder(_with_start(encoder), _with_start(decoder), n_latent_channels)


def _halved(side: tuple[int, int]) -> list[tuple[int, int]]:
    """Sides of the maps, from the image on; at least one convolution is between."""
    sides = [side]
    while len(sides) == 1 or max(sides[-1]) > _SMALLEST_SIDE:
        height, width = sides[-1]
        sides.append((-(-height // 2), -(-width // 2)))
    return sides


def _with_start(layers: list[nn.Module]) -> nn.Sequential:
    """Start at weights that keep the size of a signal (He et al. 2015)."""
    for layer, then in zip(layers, [*layers[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            gain = 2.0 if isinstance(then, nn.ReLU) else 1.0
            nn.init.normal_(layer.weight, std=sqrt(gain / _summands(layer)))
    return nn.Sequential(*layers)


def _summands(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> float:
    """How many products a number of the output is the sum of."""
    if isinstance(layer, nn.Linear):
        return layer.in_features
    whole = layer.in_channels * prod(layer.kernel_size)
    # Of the kernel of a stretched map most positions meet a gap.
    return whole / prod(layer.stride) if layer.transposed else whole
