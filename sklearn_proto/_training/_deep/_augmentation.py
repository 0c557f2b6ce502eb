"""Random changes of training images, on the device and batch by batch."""

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from sklearn_proto._modules import ImageLayout
from sklearn_proto._validation import shown

Augmentation = Callable[[Tensor], Tensor]

# Of the height and the width; either way.
_LARGEST_SHIFT = 0.1
# Either way. More would turn a 6 towards a 9, or cut off what tells an image's class.
_LARGEST_ANGLE = pi / 18
_LARGEST_ZOOM = 0.1
# Of the sides; between points so few no line folds over itself.
_LARGEST_BEND = 0.05
_BENDS = 4


def augmentation_of(
    option: str | Augmentation | None, layout: ImageLayout
) -> Augmentation | None:
    """Make a change of rows (n, d) out of a change of images.

    Random numbers come from torch's generator of the CPU, so that they are the same
    whatever the device, and repeat once it is seeded.

    Parameters
    ----------
    option : {"shift", "affine", "elastic"}, callable or None
        "shift" moves images by up to a tenth of their sides, in whole pixels;
        "affine" turns them by up to 10 degrees, zooms by up to a tenth and moves them
        by up to a tenth of their sides; "elastic" moves every pixel by up to a
        twentieth, its neighbours by nearly the same. The pixels of the border fill what
        comes in. A callable maps images (n, channels, height, width) to as many of that
        shape.
    layout : ImageLayout
        Shape of the images that rows hold.

    Returns
    -------
    callable or None
        Maps rows (n, d) to rows. It raises a ValueError where a callable returns
        anything but such images.
    """
    if option is None:
        return None
    change = AUGMENTATIONS[option] if isinstance(option, str) else _checked(option)

    def augmented(x: Tensor) -> Tensor:
        return layout.rows(change(layout.maps(x)))

    return augmented


def _checked(change: Augmentation) -> Augmentation:
    """Check what the callable of a user returns."""

    def checked(images: Tensor) -> Tensor:
        # It may work in place; the images may be a view of the rows.
        try:
            found = change(images.clone())
        except Exception as error:
            raise ValueError(
                f"augmentation={shown(change)} failed on images of shape "
                f"{tuple(images.shape)}: {error}"
            ) from error
        if not isinstance(found, Tensor) or found.shape != images.shape:
            shape = getattr(found, "shape", None)
            size = "" if shape is None else f" of shape {tuple(shape)}"
            raise ValueError(
                f"augmentation={shown(change)} returned a "
                f"{type(found).__name__}{size}; it "
                f"must return a tensor of shape {tuple(images.shape)}, as it was given:"
                " images, channels, height, width."
            )
        return found.to(images)

    return checked


def shifted(images: Tensor) -> Tensor:
    """Move every image (n, C, H, W) by whole pixels, at least one where there are two.

    A pixel beyond the border is the one on the border.
    """
    n, _, height, width = images.shape
    rows, columns = _moved(n, height, images), _moved(n, width, images)
    across = images.gather(3, columns[:, None, None, :].expand_as(images))
    return across.gather(2, rows[:, None, :, None].expand_as(images))


def _moved(n: int, side: int, like: Tensor) -> Tensor:
    """Index (n, side) of the pixel that each is taken from."""
    reach = min(max(1, round(_LARGEST_SHIFT * side)), side - 1)
    by = torch.randint(-reach, reach + 1, (n, 1), device="cpu")
    index = torch.arange(side, device="cpu") + by
    return index.clamp(0, side - 1).to(like.device)


def warped(images: Tensor) -> Tensor:
    """Turn, zoom and move every image (n, C, H, W) about its centre."""
    n, _, height, width = images.shape
    # From -1 to 1, four for each image.
    draws = 2.0 * torch.rand(n, 4, device="cpu", dtype=torch.float32) - 1.0
    angle = _LARGEST_ANGLE * draws[:, 0]
    zoom = 1.0 + _LARGEST_ZOOM * draws[:, 1]
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    # The grid runs from -1 to 1 along both sides: a turn in it must undo their ratio.
    ratio = height / width
    matrix = torch.stack([cosine, -ratio * sine, sine / ratio, cosine], 1)
    # A side is 2 units of the grid long.
    shift = 2.0 * _LARGEST_SHIFT * draws[:, 2:]
    theta = torch.cat([matrix.view(n, 2, 2), shift[:, :, None]], 2).to(images)
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="border", align_corners=False)


def bent(images: Tensor) -> Tensor:
    """Move the pixels of every image (n, C, H, W) by a smooth random field.

    An elastic deformation (Simard et al. 2003), whose field is cubic between random
    moves at the points of a coarse grid.
    """
    n, _, height, width = images.shape
    draws = torch.rand(n, 2, _BENDS, _BENDS, device="cpu", dtype=torch.float32)
    size, mode = (height, width), "bicubic"
    field = interpolate(2.0 * draws - 1.0, size=size, mode=mode, align_corners=True)
    # A side is 2 units of the grid long.
    move = 2.0 * _LARGEST_BEND * field.clamp(-1.0, 1.0).permute(0, 2, 3, 1)
    still = torch.eye(2, 3, device="cpu", dtype=torch.float32).expand(n, 2, 3)
    grid = affine_grid(still, list(images.shape), align_corners=False) + move
    return grid_sample(
        images, grid.to(images), padding_mode="border", align_corners=False
    )


AUGMENTATIONS: dict[str, Augmentation] = {
    "shift": shifted,
    "affine": warped,
    "elastic": bent,
}
