"""Which networks draw random numbers in training."""

from torch import nn

# Layers of torch that compute the same every time.
_QUIET = {
    *(nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.Identity),
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    *(nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU),
    *(nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softmax, nn.Hardtanh, nn.Hardswish),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    *(nn.Flatten, nn.Unflatten, nn.Upsample, nn.ZeroPad2d),
}


def may_draw(network: nn.Module) -> bool:
    """Whether a layer is not known to draw nothing from torch's global generators.

    Those of this package name a generator where they draw.
    """
    own = __name__.partition(".")[0] + "."
    return any(
        type(layer) not in _QUIET and not type(layer).__module__.startswith(own)
        for layer in network.modules()
    )
