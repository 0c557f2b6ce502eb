"""A supervised projection of wines, and the features that it is made of.

A matrix of rank two maps thirteen standardised measurements to a plane in which the
closest prototype tells the cultivar. Circles are the radii within which no perturbation
of the measurements changes the prediction, at their size in the plane.

Run ``python docs/examples/plot_relevance.py [picture.png]``. With a path the picture is
saved there, without one it is shown.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_proto import GMLVQClassifier


def draw_plane(ax, model, rows, labels):
    """Test rows, their certified discs and the prototypes."""
    placed, stretch = model.transform(rows), np.linalg.norm(model.omega_, 2)
    radius = stretch * model.certified_radius(rows)
    colours = plt.get_cmap("Dark2")(np.arange(3))
    for place, size, label in zip(placed, radius, labels, strict=True):
        ax.add_patch(plt.Circle(place, size, color=colours[label], alpha=0.08))
    ax.scatter(*placed.T, c=colours[labels], s=18)
    places = model.prototypes_ @ model.omega_.T
    shown = colours[np.searchsorted(model.classes_, model.prototype_labels_)]
    ax.scatter(*places.T, c=shown, marker="*", s=220, edgecolor="black")
    ax.set_aspect("equal")
    ax.set_title("test rows, prototypes, certified discs")


def draw_relevance(ax, model, names):
    """Bars of the features in the order of their relevance."""
    order = np.argsort(model.relevance_)
    ax.barh(np.array(names)[order], model.relevance_[order], color="#55708f")
    ax.tick_params(labelsize=8)
    ax.set_title("relevance_")


def main(path=None):
    data = load_wine()
    X, rows, y, labels = train_test_split(
        data.data, data.target, stratify=data.target, random_state=0
    )
    scaler = StandardScaler().fit(X)
    model = GMLVQClassifier(n_components=2, random_state=0).fit(scaler.transform(X), y)
    rows = scaler.transform(rows)
    print(f"test accuracy {model.score(rows, labels):.3f}")
    print(model.explain(rows[:1]))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    draw_plane(left, model, rows, labels)
    draw_relevance(right, model, data.feature_names)
    if path is None:
        plt.show()
    else:
        figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
