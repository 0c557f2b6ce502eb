"""How accurate a classifier stays when every row may be moved.

For a radius eps, the certified accuracy is the share of test rows that are classified
rightly and provably stay so within eps. One curve per method; a higher curve proves
more about the same model.

Run ``python docs/examples/plot_certified_accuracy.py [picture.png]``.
"""

import sys

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier
from sklearn_proto.robustness import (
    CertifiedAccuracyDisplay,
    certified_accuracy_score,
)

METHODS = {"auto": "#2f5d8c", "interval": "#2a7f62", "closed_form": "#b5473c"}
SIZES = [0, 0.25, 0.5, 1]


def main(path=None):
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    scaler = StandardScaler().fit(X)
    model = CBCClassifier(2, random_state=0).fit(scaler.transform(X), y)
    rows = scaler.transform(X_test)

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for method, colour in METHODS.items():
        options = {"norm": 2, "method": method}
        display = CertifiedAccuracyDisplay.from_estimator(
            model, rows, y_test, **options, name=method, ax=ax, color=colour
        )
        scores = certified_accuracy_score(model, rows, y_test, SIZES, **options)
        values = ", ".join(f"{score:.3f}" for score in scores)
        print(f"{method:12} at radii 0, 0.25, 0.5, 1: {values}")
        if method != "auto":  # The clean accuracy is that of the model: once is enough.
            display.accuracy_line_.remove()
    ax.set(
        xlabel="l2 radius, in standard deviations of the features",
        title="Breast cancer, CBCClassifier(2)",
        xlim=(0, 2),
        ylim=(0, 1),
    )
    ax.legend()
    ax.spines[["top", "right"]].set_visible(False)
    if path is None:
        plt.show()
    else:
        figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
