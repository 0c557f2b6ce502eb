"""Certified radius of a smoothed linear model beside its exact distance.

Run ``python benchmarks/smoothing.py``; it prints a table and writes smoothing.json and
smoothing.txt. Smoothing does not move a hyperplane, so the distance of a row to it is
the radius that infinitely many samples would certify.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_proto.robustness import SmoothedClassifier

NOISE, ALPHA = 0.5, 0.001
SAMPLES = (100, 1_000, 10_000, 100_000)
COLUMNS = {
    "n_samples": "{:9,d}",
    "abstained": "{:9.3f}",
    "certified / exact": "{:17.3f}",
    "median radius": "{:13.3f}",
    "largest possible": "{:16.3f}",
    "too large": "{:9d}",
}


def compare(linear, X, n_samples):
    """Summarise all rows; the ratio is over rows nearer than twice the noise."""
    frozen = FrozenEstimator(linear)
    model = SmoothedClassifier(
        frozen, noise_std=NOISE, n_samples=n_samples, alpha=ALPHA, random_state=0
    ).fit(X, linear.predict(X))
    certificate = model.certify(X)
    exact = np.abs(linear.decision_function(X)) / np.linalg.norm(linear.coef_)
    near = exact < 2 * NOISE
    values = (
        n_samples,
        float(certificate.abstained.mean()),
        float((certificate.radius / exact)[near].mean()),
        float(np.median(certificate.radius)),
        float(NOISE * norm.ppf(ALPHA ** (1 / n_samples))),
        int((certificate.radius > exact).sum()),
    )
    return dict(zip(COLUMNS, values, strict=True))


def table(found, n_rows):
    header = "  ".join(
        name.rjust(len(form.format(0))) for name, form in COLUMNS.items()
    )
    lines = [
        f"Breast cancer, standardised; logistic regression; {n_rows} test rows",
        f"noise_std={NOISE}, alpha={ALPHA}",
        "",
        header,
    ]
    lines += [
        "  ".join(f.format(r[name]) for name, f in COLUMNS.items()) for r in found
    ]
    return "\n".join(lines)


def main():
    X, y = load_breast_cancer(return_X_y=True)
    rows, test, labels, _ = train_test_split(X, y, random_state=0)
    scaler = StandardScaler().fit(rows)
    linear = LogisticRegression().fit(scaler.transform(rows), labels)
    test = scaler.transform(test)
    found = [compare(linear, test, n) for n in SAMPLES]
    text = table(found, len(test))
    print(text)
    here = Path(__file__)
    here.with_suffix(".txt").write_text(text + "\n")
    here.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
