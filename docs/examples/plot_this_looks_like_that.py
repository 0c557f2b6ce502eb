"""This looks like that: classify a digit by parts of other digits.

A part-prototype network compares the parts of an image with parts of training images.
Two test images are explained: one with a clear lead, and the one that was decided most
narrowly.

Run ``python docs/examples/plot_this_looks_like_that.py [picture.png]``. With a path the
picture is saved there, without one it is shown.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_proto import ProtoPNetClassifier


def side_by_side(figures):
    """One figure of several."""
    images = []
    for figure in figures:
        figure.set_dpi(120)
        figure.canvas.draw()
        images.append(np.asarray(figure.canvas.buffer_rgba()))
    height, width = (sum(i.shape[a] for i in images) / 120 for a in (0, 1))
    joined = plt.figure(figsize=(width, height / len(images)), dpi=120)
    for position, image in enumerate(images):
        ax = joined.add_axes((position / len(images), 0, 1 / len(images), 1))
        ax.imshow(image)
        ax.set_axis_off()
    return joined


def main(path=None):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = ProtoPNetClassifier(
        3, image_shape=(8, 8), max_epochs=20, random_state=0
    ).fit(X, y)
    print(f"test accuracy {model.score(X_test, y_test):.3f}")

    explanation = model.explain(X_test)
    first, second = np.sort(explanation.scores, axis=1)[:, :-3:-1].T
    order = np.argsort(first - second)
    chosen = [order[len(order) // 2], order[0]]
    print(explanation[chosen])
    joined = side_by_side([explanation.plot(i, k=3) for i in chosen])
    if path is None:
        plt.show()
    else:
        joined.savefig(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
