"""Read two decisions from beginning to end.

A tumour that is classified by the closer of two prototypes, measurement by measurement,
and a digit that is classified by what is there and what is not. The user guide reads
both pictures aloud.

Run ``python docs/examples/plot_reading_a_decision.py [tumour.png digit.png]``. With
paths the pictures are saved there, without them they are shown.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier, GLVQClassifier
from sklearn_proto.inspection import ExplanationDisplay
from sklearn_proto.robustness import certified_radius


def tumour():
    data = load_breast_cancer()
    labels = np.array(data.target_names)[data.target]
    X, rows, y, truth = train_test_split(
        data.data, labels, stratify=labels, random_state=0
    )
    model = make_pipeline(StandardScaler(), GLVQClassifier(random_state=0)).fit(X, y)
    print(f"tumours: test accuracy {model.score(rows, truth):.3f}")
    return ExplanationDisplay.from_estimator(
        model, rows, row=20, k=6, feature_names=data.feature_names
    )


def digit():
    X, y = load_digits(return_X_y=True)
    X, rows, y, truth = train_test_split(X, y, stratify=y, random_state=0)
    model = make_pipeline(
        StandardScaler(),
        # Clipping keeps the prototypes inside the range of the data: no negative ink.
        CBCClassifier(2, clip_prototypes=True, max_iter=1000, random_state=0),
    ).fit(X, y)
    print(f"digits: test accuracy {model.score(rows, truth):.3f}")
    radius = certified_radius(model, rows[[4]])[0]
    print(f"no change of the pixels shorter than {radius:.2f} changes this prediction")
    return ExplanationDisplay.from_estimator(model, rows, row=4, image_shape=(8, 8))


def main(*paths):
    for draw, path in zip((tumour, digit), paths or (None, None), strict=True):
        display = draw()
        print(display.title)
        for label, size in zip(display.labels, display.sizes, strict=True):
            print(f"  {size:+.3g}  {', '.join(label.splitlines())}")
        print(f"  {display.sizes.sum():.3g} in all, the {display.total_label}")
        if path is not None:
            display.figure_.savefig(path, dpi=120)
    if not paths:
        plt.show()


if __name__ == "__main__":
    main(*sys.argv[1:3])
