"""Cross-validated accuracy beside scikit-learn's classifiers, on the same folds.

Run ``python benchmarks/accuracy.py``; it prints a table and writes accuracy.txt and
accuracy.json.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_wine,
    make_gaussian_quantiles,
    make_moons,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_proto import CBCClassifier, RBFClassifier

DATA = {
    "breast cancer": load_breast_cancer(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "digits": load_digits(return_X_y=True),
    "moons": make_moons(600, noise=0.25, random_state=0),
    "quantiles": make_gaussian_quantiles(
        n_samples=1000, n_features=5, n_classes=3, random_state=0
    ),
}


def models(extra):
    """Classifiers by name; `extra` overrides parameters of ours."""
    return {
        "SVC": SVC(),
        "LogisticRegression": LogisticRegression(max_iter=1000),
        "NearestCentroid": NearestCentroid(),
        "RBF 8": RBFClassifier(8, random_state=0, **extra),
        "CBC 8": CBCClassifier(8, random_state=0, **extra),
        "RBF 1": RBFClassifier(1, random_state=0, **extra),
        "CBC 1": CBCClassifier(1, random_state=0, **extra),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the folds")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--data", nargs="*", default=list(DATA))
    args = parser.parse_args()
    extra = {k: json.loads(v) for k, v in (item.split("=") for item in args.set)}
    folds = StratifiedKFold(5, shuffle=True, random_state=args.seed)
    table, lines = {}, []
    for name in args.data:
        X, y = DATA[name]
        table[name] = {}
        for label, model in models(extra).items():
            pipeline = make_pipeline(StandardScaler(), model)
            start = time.perf_counter()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scores = cross_validate(pipeline, X, y, cv=folds)["test_score"]
            spent = (time.perf_counter() - start) / 5
            unsettled = sum(w.category is ConvergenceWarning for w in caught)
            table[name][label] = float(np.mean(scores))
            lines.append(
                f"{name:14} {label:20} {np.mean(scores):.4f} +- {np.std(scores):.4f}"
                f"   {spent:6.2f} s a fold   {unsettled}/5 unsettled"
            )
            print(lines[-1], flush=True)
    path = Path(__file__)
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    found = {"seed": args.seed, "accuracy": table}
    path.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
