"""Axes for displays of several panels."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._validation import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def panels(
    ax: "Axes | Figure | None",
    shape: tuple[int, int],
    figsize: tuple[float, float],
    **ratios: Any,
) -> NDArray[Any]:
    """Make axes (rows, columns), in a new figure, in a blank one or in place of `ax`.

    Raises
    ------
    TypeError
        If `ax` is neither axes nor a figure.
    ValueError
        If `ax` is not in a grid that could be divided.
    """
    check_axes(ax, figures=True)
    if ax is None:
        import matplotlib.pyplot as plt

        figure: Any = plt.figure(figsize=figsize, layout="constrained")
        grid: Any = figure.add_gridspec(*shape, **ratios)
    elif hasattr(ax, "set_size_inches"):
        figure = ax
        figure.set_size_inches(*figsize)
        grid = figure.add_gridspec(*shape, **ratios)
    else:
        from matplotlib.gridspec import GridSpecFromSubplotSpec

        place = ax.get_subplotspec()
        if place is None:
            raise ValueError(
                "ax has no place in a grid that could be divided; make it by "
                "plt.subplots() or figure.add_subplot()."
            )
        ax.set_axis_off()
        figure = ax.figure
        grid = GridSpecFromSubplotSpec(*shape, subplot_spec=place, **ratios)
    cells = [figure.add_subplot(cell) for cell in grid]
    made = np.empty(len(cells), dtype=object)
    made[:] = cells
    return made.reshape(shape)


def check_axes(ax: Any, *, figures: bool = False) -> None:
    """Check that something can be drawn on, if it is not None.

    Raises
    ------
    TypeError
        If it is neither axes nor, where `figures` are allowed, a figure.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if ax is None or isinstance(ax, (Axes, Figure) if figures else Axes):
        return
    what = "matplotlib Axes or a blank Figure" if figures else "matplotlib Axes"
    raise TypeError(f"ax={shown(ax)} must be {what}, or None for a new figure.")
