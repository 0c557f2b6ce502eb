"""Explain one handwritten digit in pixels.

The classifier sees standardised features. To look at the explanation, the row and the
prototypes are taken back to pixels; the contributions stay as they are.

Run ``python docs/examples/plot_explain_digit.py [picture.png]``. With a path the
picture is saved there, without one it is shown.
"""

import sys
from dataclasses import replace

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier


def show(figure, path):
    """Save the figure, or open a window where there is a screen."""
    if path is not None:
        figure.savefig(path, dpi=120)
        return
    width, height = figure.get_size_inches()
    window = plt.figure(figsize=(width, height))
    figure.canvas.draw()
    window.figimage(figure.canvas.buffer_rgba())
    plt.show()


def main(path=None):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    pipeline = make_pipeline(
        StandardScaler(),
        # Clipping keeps the prototypes inside the range of the data: no negative ink.
        CBCClassifier(3, clip_prototypes=True, max_iter=1000, random_state=0),
    ).fit(X, y)
    print(f"test accuracy {pipeline.score(X_test, y_test):.3f}")

    scaler, model = pipeline
    row = X_test[:1]
    explanation = replace(
        model.explain(scaler.transform(row)),
        X=row,
        prototypes=scaler.inverse_transform(model.prototypes_),
    )
    print(explanation)
    show(explanation.plot(image_shape=(8, 8), k=4), path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
