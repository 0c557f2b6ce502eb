"""What brings the numbers of training rows into the range that a network likes."""

import numpy as np
import torch

from sklearn_proto._memory import CORE, at_once
from sklearn_proto.deep._images import pictures


def standardise(network, X):
    """Let the network bring every channel to mean 0 and variance 1, in place."""
    layout = network.layout
    images = pictures(X, layout).reshape(len(X), -1, layout.channels)
    mean = images.mean(axis=(0, 1), dtype=np.float64)
    scale = np.sqrt(_variance(images, mean))
    scale[scale == 0] = 1.0
    standardise = network.standardise
    for name, values in (("mean", mean), ("scale", scale)):
        tensor = torch.tensor(values, dtype=torch.float32, device="cpu")
        getattr(standardise, name).copy_(tensor[:, None, None])


def scale_to_unit(network, X):
    """Let the network bring the numbers of all channels to [0, 1], in place."""
    low, high = float(X.min()), float(X.max())
    network.standardise.mean.fill_(low)
    network.standardise.scale.fill_(high - low or 1.0)


def _variance(images, mean):
    """Variance (C,) of the channels of images (n, positions, C)."""
    total = np.zeros_like(mean)
    few = at_once(images[0].size, CORE)
    for start in range(0, len(images), few):
        deviations = images[start : start + few] - mean
        total += np.square(deviations, out=deviations).sum(axis=(0, 1))
    return total / (len(images) * images.shape[1])
