"""Devices, and their numeric types."""

import numpy as np
import torch


def resolve_device(device: str) -> torch.device:
    """Turn the ``device`` parameter into a torch device that exists here.

    Raises
    ------
    ValueError
        If the name is unknown to torch or the device is not available.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device[:100]!r} is not a device name; use 'auto', 'cpu', 'cuda', "
            "'cuda:<index>' or 'mps'."
        ) from error
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available()
        and (resolved.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(resolved.type, False):
        there = [name for name, ok in available.items() if ok]
        raise ValueError(
            f"device={device[:100]!r} is not available on this machine; available: "
            f"{there}."
        )
    return resolved


def exact_device(device: str) -> torch.device:
    """Device for prediction and certificates, which run in float64.

    Apple's mps has no float64, so a model trained there predicts on the CPU. So does
    a model whose training device is absent, such as one loaded from a GPU machine, or
    is no device: parameters may have changed since the fit.
    """
    try:
        resolved = resolve_device(device)
    except (TypeError, ValueError):
        return torch.device("cpu")
    return torch.device("cpu") if resolved.type == "mps" else resolved


def training_dtype(device: torch.device, dtype: np.dtype, solver: str) -> torch.dtype:
    """Floating type to train in.

    Line searches compare nearly equal losses, so L-BFGS works in float64 where the
    device has it; Adam keeps the type of the data.
    """
    if device.type == "mps":
        return torch.float32
    if solver == "lbfgs" or dtype == np.float64:
        return torch.float64
    return torch.float32


def float32_is_kept() -> bool:
    """Whether products of float32 have its precision: users may trade it for speed."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # Set for one backend alone.
        return False
