"""Feature extractors for part prototypes."""

from torch import nn

from sklearn_proto._modules._image_layout import ImageLayout

# A map of more positions than this a side is halved: parts, not pixels.
_LARGEST_SIDE = 7
# The last block sees 26 pixels a side where the map is halved twice.
_WIDTHS = (32, 64, 64, 64)


def small_backbone(layout: ImageLayout) -> nn.Sequential:
    """Convolutional network for small images, trained from scratch on a CPU.

    Blocks of a 3x3 convolution and a ReLU; as many of them are followed by a pooling
    that halves the map as leave at most 7 positions a side. Without normalisation of
    batches: an image's features must not depend on the images next to it.
    """
    side = (layout.height, layout.width)
    widths = [layout.channels, *_WIDTHS]
    blocks: list[nn.Module] = []
    while len(blocks) < len(_WIDTHS) or max(side) > _LARGEST_SIDE:
        taken, given = widths[min(len(blocks), 4)], widths[min(len(blocks) + 1, 4)]
        pool = _pool_size(side)
        blocks.append(_block(taken, given, pool))
        side = (side[0] // pool[0], side[1] // pool[1])
    return nn.Sequential(*blocks)


def _pool_size(side: tuple[int, int]) -> tuple[int, int]:
    height, width = (2 if s > _LARGEST_SIDE else 1 for s in side)
    return height, width


def _block(taken: int, given: int, pool: tuple[int, int]) -> nn.Sequential:
    convolution = nn.Conv2d(taken, given, 3, padding=1)
    # Without normalisation a signal keeps its size only by its start (He et al. 2015).
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    layers: list[nn.Module] = [convolution, nn.ReLU()]
    if pool != (1, 1):
        layers.append(nn.MaxPool2d(pool))
    return nn.Sequential(*layers)
