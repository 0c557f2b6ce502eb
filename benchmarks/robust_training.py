"""What training on the certificate gains, and what it costs in clean accuracy.

Run ``python benchmarks/robust_training.py``; it prints a table and writes
robust_training.txt and .json. All figures are means of five folds, each with features
standardised by the other four.
"""

import json
import statistics
import time
import warnings
from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier, RBFClassifier

# Radius at which to be certified, in standard deviations of the features.
DATA = {
    "breast cancer": (load_breast_cancer(return_X_y=True), 0.8),
    "digits": (load_digits(return_X_y=True), 1.0),
}
# The margin of "margin" is in units of the score, that of "robust" in input units.
LOSSES = {"log_loss": None, "margin": 0.3, "robust": 1.0, "robust, twice": 2.0}


FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


def folds(X, y):
    for train, test in FOLDS.split(X, y):
        scaler = StandardScaler().fit(X[train])
        yield scaler.transform(X[train]), scaler.transform(X[test]), y[train], y[test]


def record(model, radius, fold):
    X, X_test, y, y_test = fold
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    certified = model.certified_radius(X_test, y_test) >= radius
    return {
        "accuracy": model.score(X_test, y_test),
        "certified": float(certified.mean()),
        "fit_s": seconds,
    }


def main():
    warnings.simplefilter("ignore")  # The budget is the same for all.
    lines, found = [], []
    for name, ((X, y), eps) in DATA.items():
        for Estimator in (CBCClassifier, RBFClassifier):
            for label, margin in LOSSES.items():
                options = {"loss": label.split(",")[0], "max_iter": 100}
                if margin is not None:
                    robust = options["loss"] == "robust"
                    options["margin"] = margin * eps if robust else margin
                model = Estimator(3, random_state=0, **options)
                records = [record(model, eps, fold) for fold in folds(X, y)]
                row = {
                    "data": name,
                    "model": Estimator.__name__,
                    "loss": label,
                    "radius": eps,
                    **{k: statistics.mean(r[k] for r in records) for k in records[0]},
                }
                found.append(row)
                lines.append(
                    f"{name:14} {Estimator.__name__:14} {label:14}"
                    f" accuracy {row['accuracy']:.3f}"
                    f"   certified at {eps} {row['certified']:.3f}"
                    f"   fit {row['fit_s']:5.1f} s"
                )
                print(lines[-1], flush=True)
    path = Path(__file__)
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    path.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
