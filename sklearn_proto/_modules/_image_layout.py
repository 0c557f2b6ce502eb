"""How the pixels of an image lie in a row of numbers."""

from typing import NamedTuple

from torch import Tensor


class ImageLayout(NamedTuple):
    """Shape of an image, and whether a row holds channel after channel."""

    height: int
    width: int
    channels: int = 1
    channels_first: bool = False

    @property
    def n_features(self) -> int:
        """Numbers in a row."""
        return self.height * self.width * self.channels

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Shape of a row as the picture it was given as, channels last if any."""
        shape = (self.height, self.width)
        return shape if self.channels == 1 else (*shape, self.channels)

    def maps(self, x: Tensor) -> Tensor:
        """Rows (n, d) as images (n, channels, height, width)."""
        if self.channels_first:
            return x.view(-1, self.channels, self.height, self.width)
        images = x.view(-1, self.height, self.width, self.channels)
        return images.permute(0, 3, 1, 2).contiguous()

    def rows(self, images: Tensor) -> Tensor:
        """Images (n, channels, height, width) as rows (n, d)."""
        if not self.channels_first:
            images = images.permute(0, 2, 3, 1)
        return images.flatten(1)
