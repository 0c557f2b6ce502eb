"""Prototypes that a decoder draws, and what distances to them are worth.

An autoencoder of digits has fifteen prototypes, which belong to no class. Each is
decoded into an image. Below it is the column of its weights: what a unit of squared
distance from it adds to the score of each digit. Where that is strongly negative, being
close speaks for the digit. Then one test image is explained.

Run ``python docs/examples/plot_decoded_prototypes.py [picture.png]``. With a path the
picture is saved there, without one it is shown.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_proto import PrototypeAutoencoderClassifier


def draw(model):
    order = np.argsort(model.prototype_labels_, kind="stable")
    figure = plt.figure(figsize=(9, 4.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 3.2])
    for ax, j in zip(upper.subplots(1, len(order)), order, strict=True):
        ax.imshow(model.prototype_images_[j], cmap="gray_r")
        ax.set_xticks([])
        ax.set_yticks([])
    upper.suptitle("decoded prototypes")
    ax = lower.subplots()
    weights = model.coef_[:, order]
    limit = np.abs(weights).max()
    table = ax.imshow(weights, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    ax.set_yticks(range(len(model.classes_)), model.classes_)
    ax.set_xticks(range(len(order)), order)
    ax.set_xlabel("prototype")
    ax.set_ylabel("digit")
    lower.colorbar(table, label="weight of the squared distance")
    return figure


def main(path=None):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = PrototypeAutoencoderClassifier(
        image_shape=(8, 8), max_epochs=30, decay_period=10, random_state=0
    ).fit(X, y)
    print(f"test accuracy {model.score(X_test, y_test):.3f}")
    print(model.explain(X_test[:1]))
    figure = draw(model)
    if path is None:
        model.explain(X_test[:1]).plot(0)
        plt.show()
    else:
        figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
