"""Why indefinite reasoning can contradict its own explanation.

The original model divides the agreement by the mass that is not indefinite. So a
component that is called indefinite almost entirely may still decide alone.

Left: a component of similarity 0.9 is definite with mass m. In the one model the rest
is indefinite; in the other it lies on a component of similarity 0.2. Right: the worked
example of the user guide. Class A calls nearly everything indefinite, class B nearly
nothing, and A wins.

Run ``python docs/examples/plot_indefinite_reasoning.py [picture.png]``.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

PRESENT, FAINT = 0.9, 0.2
SIGNED, INDEFINITE = "#2a7f62", "#b5473c"


def agreement(phi, positive, negative):
    """Agreement and definite mass of one concept, all components equally likely."""
    definite = np.mean(positive + negative)
    return np.mean(phi * positive + (1 - phi) * negative) / definite, definite


def draw_sweep(ax):
    mass = np.logspace(-6, 0, 200)
    one, nothing = np.array([PRESENT]), np.zeros(1)
    indefinite = [agreement(one, np.array([m]), nothing)[0] for m in mass]
    signed = mass * PRESENT + (1 - mass) * FAINT
    ax.semilogx(mass, indefinite, color=INDEFINITE, label="indefinite")
    ax.semilogx(mass, signed, color=SIGNED, label="signed")
    ax.set(
        xlabel="definite mass m of the present component",
        ylabel="agreement",
        title="Ignored almost entirely, yet deciding",
        ylim=(0, 1),
    )
    ax.legend(loc="center left", frameon=False)


def draw_contradiction(ax):
    phi = np.array([0.95, 0.5])
    a = agreement(phi, np.array([0.001, 0.0]), np.array([0.0, 0.0]))
    b = agreement(phi, np.array([0.9, 0.0]), np.array([0.0, 0.9]))
    print(f"class A: agreement {a[0]:.3f}, definite mass {a[1]:.4f}")
    print(f"class B: agreement {b[0]:.3f}, definite mass {b[1]:.4f}")
    place = np.arange(2)
    for shift, values, colour, label in (
        (-0.2, (a[1], b[1]), "#9aa7b5", "definite mass"),
        (0.2, (a[0], b[0]), INDEFINITE, "agreement"),
    ):
        bars = ax.bar(place + shift, values, 0.38, color=colour, label=label)
        ax.bar_label(bars, [f"{v:.3g}" for v in values], fontsize=9)
    ax.set_xticks(place, ["class A", "class B"])
    ax.set(title="The class that asks for nothing wins", ylim=(0, 1.25))
    ax.legend(loc="upper center", ncols=2, frameon=False)


def main(path=None):
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    draw_sweep(axes[0])
    draw_contradiction(axes[1])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    if path is None:
        plt.show()
    else:
        figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
