"""Digits and a network that trains on them in a second."""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

X, Y = load_digits(n_class=4, return_X_y=True)
TRAIN, TEST, Y_TRAIN, Y_TEST = train_test_split(
    X, Y, train_size=300, stratify=Y, random_state=0
)


def small():
    """A backbone that trains in no time."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(16, 24, 3, padding=1), nn.ReLU()),
    )


QUICK = {
    "image_shape": (8, 8),
    "backbone": small,
    "backbone_learning_rate": 5e-3,
    "n_channels": 16,
    "warmup_epochs": 4,
    "max_epochs": 10,
    "projection_period": 5,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "random_state": 0,
    "device": "cpu",
}
