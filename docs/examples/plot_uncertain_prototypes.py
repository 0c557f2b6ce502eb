"""Prototypes that are distributions: which digits to leave undecided.

Above, every prototype as decoded, and where its samples look different. Below, the test
images of which the model is most uncertain, with the two labels it hesitates between,
and the error among the images that are left if uncertain ones are not decided.

Run ``python docs/examples/plot_uncertain_prototypes.py [picture.png]``. With a path the
picture is saved there, without one it is shown.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_proto import ProbPSENNClassifier
from sklearn_proto.metrics import risk_coverage_curve

KINDS = ("total", "epistemic", "explanation")


def show(ax, image, title=""):
    ax.imshow(image, cmap="gray_r")
    ax.set_title(title, fontsize=9)
    ax.set_xticks([])
    ax.set_yticks([])


def draw_prototypes(panel, model):
    axes = panel.subplots(2, len(model.prototypes_))
    for j, label in enumerate(model.prototype_labels_):
        show(axes[0, j], model.prototype_images_[j], label)
        show(axes[1, j], model.deviation_images_[j])
    panel.suptitle("decoded prototypes, and the deviation of their samples")


def draw_doubts(panel, model, X, y, u):
    p = model.predict_proba(X)
    for ax, i in zip(panel.subplots(2, 4).flat, np.argsort(-u)[:8], strict=True):
        second, first = model.classes_[np.argsort(p[i])[-2:]]
        show(ax, X[i].reshape(8, 8), f"{first} or {second}? a {y[i]}")
    panel.suptitle("the most uncertain")


def main(path=None):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = ProbPSENNClassifier(
        image_shape=(8, 8), max_epochs=30, decay_period=10, random_state=0
    ).fit(X, y)
    predicted, found = model.predict(X_test), model.predict_uncertainty(X_test)
    _, accepted = model.predict_with_rejection(X_test, coverage=0.8)
    right = predicted == y_test
    print(f"test accuracy {right.mean():.3f}, on the 80% most certain images ", end="")
    print(f"{right[accepted].mean():.3f}")

    figure = plt.figure(figsize=(9, 5.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.4])
    draw_prototypes(upper, model)
    left, ax = lower.subfigures(1, 2)
    draw_doubts(left, model, X_test, y_test, found.total)
    ax = ax.subplots()
    for kind in KINDS:
        coverages, risks, _ = risk_coverage_curve(
            y_test, predicted, getattr(found, kind)
        )
        ax.plot(coverages, risks, label=kind)
    ax.set_xlabel("share of images that are decided")
    ax.set_ylabel("share of errors")
    ax.legend(title="uncertainty", frameon=False)
    if path is None:
        plt.show()
    else:
        figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
