"""A network that compares whole inputs with prototypes that can be decoded."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_proto._modules._autoencoders import Autoencoder
from sklearn_proto._modules._image_layout import ImageLayout
from sklearn_proto._modules._part_network import Standardise
from sklearn_proto._modules._whole_prototypes import WholePrototypes, sampled_distances


class WholeOutputs(NamedTuple):
    """Everything a loss may look at, for a batch of n rows and S samples."""

    target: Tensor  # (n, channels, height, width), in the range of the decoder
    reconstruction: Tensor  # of the same shape
    distances: Tensor  # (S, n, K), squared
    scores: Tensor  # (S, n, C), logits
    prototypes: WholePrototypes


class WholeNetwork(nn.Module):
    """Encoder, decoder and prototypes in the space between them.

    Codes are what the encoder finds, minus a centre and over a scale, so that distances
    and a standard normal prior are in their units from the start.

    Parameters
    ----------
    layout : ImageLayout
        Shape of the images that rows hold; numbers without an order are the channels
        of a single pixel.
    standardise : Standardise
        What is done to their numbers first, and undone by `decode`.
    autoencoder : Autoencoder
        Encoder and decoder.
    prototypes : WholePrototypes
        Points or distributions among the codes.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        layout: ImageLayout,
        standardise: Standardise,
        autoencoder: Autoencoder,
        prototypes: WholePrototypes,
    ) -> None:
        super().__init__()
        self.layout, self.standardise = layout, standardise
        self.encoder, self.decoder = autoencoder.encoder, autoencoder.decoder
        self.prototypes = prototypes
        self.register_buffer("centre", torch.zeros(autoencoder.code_size))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> WholeOutputs:
        """Compute the outputs for rows (n, d)."""
        target = self.standardise(self.layout.maps(x))
        z = self._code(target)
        distances = sampled_distances(z, self.prototypes.samples())
        return WholeOutputs(
            target,
            self._decoded(z),
            distances,
            self.prototypes.log_odds(distances),
            self.prototypes,
        )

    def encode(self, x: Tensor) -> Tensor:
        """Codes (n, q) of rows (n, d)."""
        return self._code(self.standardise(self.layout.maps(x)))

    def _code(self, maps: Tensor) -> Tensor:
        found: Tensor = (self.encoder(maps) - self.centre) / self.scale
        return found

    def _decoded(self, z: Tensor) -> Tensor:
        maps: Tensor = self.decoder(z * self.scale + self.centre)
        return maps

    def standardise_codes(self, codes: Tensor) -> Tensor:
        """Let codes like these (n, q) have mean 0 and on average variance 1, in place.

        Returns
        -------
        Tensor of shape (n, q)
            The codes as they are from now on.
        """
        centre = codes.mean(0)
        spread = (codes - centre).square().mean().sqrt()
        scale = torch.where(spread > 0, spread, 1.0)
        self.centre.add_(self.scale * centre)
        self.scale.mul_(scale)
        return (codes - centre) / scale

    def decode(self, z: Tensor) -> Tensor:
        """Rows (n, d) of codes (n, q), in the units of the input."""
        return self.layout.rows(self.standardise.inverse(self._decoded(z)))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what they belong to."""
        autoencoder = [*self.encoder.parameters(), *self.decoder.parameters()]
        return {"autoencoder": autoencoder} | self.prototypes.groups()
