"""What prototypes that are training rows cost in accuracy.

Run ``python benchmarks/snapping.py``; it prints a table and writes snapping.txt and
snapping.json. Accuracy on held-out quarters, mean over several splits, without and with
``snap_to_data``.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import normalize, scale

from sklearn_proto import (
    CBCClassifier,
    GLVQClassifier,
    GMLVQClassifier,
    RBFClassifier,
    RSLVQClassifier,
)

MODELS = (
    (RBFClassifier, {}),
    (RBFClassifier, {"relevance": "diagonal"}),
    (RBFClassifier, {"relevance": "full"}),
    (CBCClassifier, {}),
    (CBCClassifier, {"relevance": "diagonal"}),
    (CBCClassifier, {"relevance": "full"}),
    (GLVQClassifier, {}),
    (GMLVQClassifier, {}),
    (RSLVQClassifier, {}),
)


def unit_vectors():
    """Rows of length 1 with 40 features in four classes, as of a text."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 100)
    rows = rng.normal(size=(4, 40))[y] + 1.6 * rng.normal(size=(400, 40))
    return normalize(rows), y


def scaled(load):
    X, y = load(return_X_y=True)
    return scale(X), y


DATA = {
    "wine": lambda: scaled(load_wine),
    "breast cancer": lambda: scaled(load_breast_cancer),
    "unit vectors": unit_vectors,
    "digits": lambda: scaled(load_digits),
}


def accuracies(Model, options, X, y, seed, per_class):
    """Accuracy on the held-out rows without and with snapping."""
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=y
    )
    return [
        Model(per_class, snap_to_data=snaps, random_state=0, **options)
        .fit(train, y_train)
        .score(test, y_test)
        for snaps in (False, True)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--per-class", type=int, nargs="*", default=[1])
    parser.add_argument("--data", nargs="*", default=list(DATA))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    lines, rows = [f"{'':43} free   rows   change"], []
    for name in args.data:
        X, y = DATA[name]()
        for per_class in args.per_class:
            for Model, options in MODELS:
                free, snapped = np.mean(
                    [
                        accuracies(Model, options, X, y, seed, per_class)
                        for seed in range(args.splits)
                    ],
                    axis=0,
                )
                row = {"data": name, "model": Model.__name__, **options}
                row |= {"per_class": per_class, "free": free, "snapped": snapped}
                rows.append(row)
                model = " ".join([Model.__name__, *options.values()])
                lines.append(
                    f"{name:14} {model:25} {per_class:2} {free:.3f}  "
                    f"{snapped:.3f}  {snapped - free:+.3f}"
                )
                print(lines[-1], flush=True)
    path = Path(__file__)
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    found = {"splits": args.splits, "rows": rows}
    path.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
