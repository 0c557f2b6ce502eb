"""Images in every layout that scikit-learn users have, as flat rows."""

from dataclasses import replace
from numbers import Integral
from warnings import warn

import numpy as np

from sklearn_proto._modules import ImageLayout
from sklearn_proto._validation import shown

# Of grey, colour, and colour with transparency.
_CHANNELS = (1, 3, 4)
# From a warning here to the user's line: _layout_of, _fit, fit and its wrappers.
_CALLER_OF_FIT = 8


def layout_of(X, image_shape, *, channels_first):
    """Layout of the images in training rows.

    Parameters
    ----------
    X : array-like
        Rows (n, d), or images (n, H, W), (n, H, W, C) or, with `channels_first`,
        (n, C, H, W).
    image_shape : tuple of int or None
        Shape of an image; None for what `X` has. Rows of numbers are then signals,
        images one pixel high.
    channels_first : bool
        Whether the channels of a three-dimensional shape come first.

    Raises
    ------
    ValueError
        If the shape is none of an image, or not the one of `X`.
    """
    given = shape_of(X)
    if image_shape is None:
        # Of rows without a feature scikit-learn says itself what is wrong.
        shape = given[1:] if len(given) > 2 else (1, max([1, *given[1:2]]))
    else:
        # Sides of any type, for the message below to name.
        one_row = np.asarray(image_shape, dtype=object).ndim == 1
        shape = tuple(image_shape) if one_row else ()
    sides = (3,) if channels_first else (2, 3)
    valid = len(shape) in sides and all(
        isinstance(side, Integral) and side > 0 for side in shape
    )
    if not valid:
        allowed = (
            "(channels, height, width), since channels_first=True"
            if channels_first
            else "(height, width) or (height, width, channels)"
        )
        raise ValueError(
            f"image_shape={shown(image_shape)} with X of shape {given}: an image must "
            f"be of shape {allowed}, each at least 1."
        )
    if len(shape) == 3 and not channels_first:
        _warn_of_channels_first(shape)
    return _layout([int(side) for side in shape], channels_first)


def _warn_of_channels_first(shape):
    """Warn of images whose channels seem to come first, against what is said."""
    if shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
        warn(
            f"images of shape {tuple(shape)} look like channels first, but are read as "
            f"{shape[0]} pixels high with {shape[2]} channels: pass channels_first=True"
            " if they are.",
            UserWarning,
            stacklevel=_CALLER_OF_FIT,
        )


def shape_of(X):
    """Shape of whatever can become an array."""
    return tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape


def _layout(shape, channels_first):
    if not channels_first:
        return ImageLayout(*shape)
    channels, height, width = shape
    # Of one channel rows are the same either way.
    return ImageLayout(height, width, channels, channels_first=channels > 1)


def flat_rows(X, layout):
    """Images as rows (n, d); rows stay what they are, frames too.

    Raises
    ------
    ValueError
        If images or rows are not of this layout.
    """
    shape = shape_of(X)
    if len(shape) <= 2:
        return X
    if shape[1:] not in _shapes(layout):
        raise ValueError(
            f"X holds images of shape {shape[1:]}, but they should be "
            f"{given_shape(layout)}."
        )
    return np.asarray(X).reshape(shape[0], layout.n_features)


def _shapes(layout):
    """Shapes of an image of this layout; a grey one may do without its channel."""
    height, width, channels, _ = layout
    if channels > 1:
        return [given_shape(layout)]
    return [(height, width), (height, width, 1), (1, height, width)]


def check_width(n_features, layout):
    """Check that rows of so many numbers hold such images."""
    if n_features != layout.n_features:
        raise ValueError(
            f"image_shape={given_shape(layout)} has {layout.n_features} pixels, but X "
            f"has {n_features} features."
        )


def given_shape(layout):
    """Shape of an image as the user gives it."""
    if layout.channels_first:
        return layout.channels, layout.height, layout.width
    return layout.array_shape


def pictures(X, layout):
    """Rows (n, d) as pictures (n, H, W) or (n, H, W, C)."""
    if layout.channels_first:
        images = X.reshape(-1, layout.channels, layout.height, layout.width)
        return images.transpose(0, 2, 3, 1).reshape(-1, *layout.array_shape)
    return X.reshape(-1, *layout.array_shape)


def in_order_of_pictures(data, layout):
    """Training rows in the order that they have with channels last.

    They come in the order of their numbers. With this one a fit is the same, to the
    last bit, whatever the layout of the images.
    """
    if not layout.channels_first:
        return data
    canonical = pictures(data.X, layout).reshape(len(data), -1)
    places = np.arange(len(data))
    return data.take(replace(data, X=canonical, index=places).distinct().index)
