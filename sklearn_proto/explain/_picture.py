"""One explained row as a figure (needs the ``plot`` extra)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.explain._sentence import name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sklearn_proto.explain._explanation import Explanation

_FOR, _AGAINST = "#2a7f62", "#b5473c"
# Beyond this many features a row is a profile without names.
_NAMED_FEATURES = 40


def draw(
    row: "Explanation", *, k: int, image_shape: tuple[int, ...] | None
) -> "Figure":
    """Figure of a row, its deciding prototypes, and what each adds to the lead."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if image_shape is not None and np.prod(image_shape) != row.X.shape[1]:
        raise ValueError(
            f"image_shape={image_shape!r} has {np.prod(image_shape)} pixels, but a row "
            f"has {row.X.shape[1]} features."
        )
    top = row.top(k)[0]
    samples = [row.X[0], *row.prototypes[top]]
    figure = Figure(figsize=(2.0 * len(samples), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subfigures(2, 1, height_ratios=[1.2, 1])
    upper, lower = panels
    axes = np.atleast_1d(upper.subplots(1, len(samples), sharey=image_shape is None))
    titles = ["this row", *(_title(row, int(j)) for j in top)]
    for ax, sample, title in zip(axes, samples, titles, strict=True):
        _draw_sample(ax, sample, image_shape)
        ax.set_title(title, fontsize=9)
    if image_shape is None:
        _name_features(axes[0], row.feature_names)
    _draw_lead(lower.subplots(), row, top)
    winner, rival = row.winners[0], row.runners_up[0]
    figure.suptitle(
        f"{name(row.classes[winner])} ({row.scores[0, winner]:.3g}) rather than "
        f"{name(row.classes[rival])} ({row.scores[0, rival]:.3g})",
        fontsize=11,
    )
    engine: Any = figure.get_layout_engine()
    engine.set(h_pad=0.08)
    return figure


def _title(row: "Explanation", j: int) -> str:
    label = name(row.prototype_labels[j])
    return f"prototype {j}\n{label}\nsimilarity {row.similarities[0, j]:.2f}"


def _draw_sample(
    ax: Any, sample: NDArray[np.floating], image_shape: tuple[int, ...] | None
) -> None:
    if image_shape is None:
        ax.barh(np.arange(len(sample)), sample, color="#55708f")
        ax.axvline(0, color="#888", linewidth=0.8)
        ax.tick_params(labelsize=7)
        return
    ax.imshow(sample.reshape(image_shape), cmap="gray_r")
    ax.set_xticks([])
    ax.set_yticks([])


def _name_features(ax: Any, feature_names: NDArray[Any]) -> None:
    ax.invert_yaxis()
    if len(feature_names) <= _NAMED_FEATURES:
        size = 7 if len(feature_names) <= 15 else 4
        ax.set_yticks(np.arange(len(feature_names)), feature_names, fontsize=size)


def _draw_lead(ax: Any, row: "Explanation", top: NDArray[np.intp]) -> None:
    """Bars that add up to the lead: prototypes, the rest of them, the baseline."""
    effects = row.decisive[0]
    rest = effects.sum() - effects[top].sum()
    winner, rival = row.winners[0], row.runners_up[0]
    baseline = row.baseline[winner] - row.baseline[rival]
    labels = [f"prototype {j}" for j in top] + ["other prototypes", "baseline"]
    sizes = np.array([*effects[top], rest, baseline])
    colours = [_FOR if size >= 0 else _AGAINST for size in sizes]
    ax.barh(labels, sizes, color=colours)
    ax.axvline(0, color="#888", linewidth=0.8)
    ax.invert_yaxis()
    ax.tick_params(labelsize=8)
    ax.set_xlabel(
        f"contribution to the lead of {sizes.sum():.3g} "
        f"over {name(row.classes[rival])}",
        fontsize=8,
    )
