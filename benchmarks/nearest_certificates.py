"""Certified radii of nearest-prototype models beside an attack, and what they cost.

Run ``python benchmarks/nearest_certificates.py``; it prints a table and writes
nearest_certificates.txt and nearest_certificates.json. No radius may exceed that of a
perturbation that changes the prediction, or the script fails.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_proto import (
    GLVQClassifier,
    GMLVQClassifier,
    GTLVQClassifier,
    LGMLVQClassifier,
)
from sklearn_proto.robustness import certified_radius, empirical_radius

DATA = {"breast cancer": load_breast_cancer, "digits": load_digits}
MODELS = {
    "GLVQ 5": GLVQClassifier(5, random_state=0),
    "GMLVQ 5": GMLVQClassifier(5, random_state=0),
    "LGMLVQ 1": LGMLVQClassifier(1, random_state=0),
    "GTLVQ 2": GTLVQClassifier(2, n_tangents=3, random_state=0),
    "manhattan 5": GLVQClassifier(5, metric="manhattan", random_state=0),
}
NORMS = {"l2": 2, "l1": 1, "linf": np.inf}
METHODS = ("margin", "interval", "hyperplane", "quadric", "auto", "exact")


def split(name):
    """Standardised training rows, test rows, and their labels."""
    X, y = DATA[name](return_X_y=True)
    X, rows, y, labels = train_test_split(X, y, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(rows), y, labels


def radii(model, rows, norm, method):
    """Radii and milliseconds a row; None where the method has no proof."""
    certified_radius(model, rows[:2], norm=norm)  # The first call loads libraries.
    start = time.perf_counter()
    try:
        found = certified_radius(model, rows, norm=norm, method=method)
    except ValueError:
        return None
    return found, 1e3 * (time.perf_counter() - start) / len(rows)


def compare(model, rows, norm):
    """Mean and smallest ratio to the attack, and cost, of every method."""
    attacked = empirical_radius(model, rows, norm=norm, random_state=0).radius
    found = {}
    for method in METHODS:
        done = radii(model, rows, norm, method)
        if done is None:
            continue
        certified, cost = done
        ratio = certified / attacked
        assert ratio.max() <= 1 + 1e-9, "a certificate was broken"
        found[method] = {
            "mean": float(ratio.mean()),
            "smallest": float(ratio.min()),
            "ms a row": cost,
        }
    return found


def shown(found):
    mean, smallest, cost = found.values()
    return f"{mean:.3f} (smallest {smallest:.3f}) of the attacked, {cost:.2f} ms a row"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    table, lines = {}, []
    for data in DATA:
        X, rows, y, labels = split(data)
        for name, model in MODELS.items():
            model.fit(X, y)
            title = (
                f"{data}, {name} per class, accuracy {model.score(rows, labels):.3f}"
            )
            lines += ["", title]
            print(*lines[-2:], sep="\n")
            table[f"{data}, {name}"] = {}
            for norm, p in NORMS.items():
                found = compare(model, rows[: args.rows], p)
                table[f"{data}, {name}"][norm] = found
                for method, v in found.items():
                    lines.append(f"  {norm:5}{method:11}{shown(v)}")
                    print(lines[-1], flush=True)
    path = Path(__file__)
    path.with_suffix(".txt").write_text("\n".join(lines[1:]) + "\n")
    path.with_suffix(".json").write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
