"""Time of fit and predict, memory of predict, and cost of the import.

Run ``python benchmarks/speed.py``; it prints a table and writes speed.txt and
speed.json. Ratios are medians over pairs timed in turn, so that a drifting machine
cancels.
"""

import json
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_proto import CBCClassifier, RBFClassifier

REPEATS = 7


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def settled(function, calls=3):
    """Median seconds of a call, after one call that is not counted.

    numpy and torch each have a pool of threads, which spins for a while after a call.
    The first call of the other library shares the cores with it.
    """
    function()
    return statistics.median(timed(function) for _ in range(calls))


def fit_digits():
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    found = {}
    for model in (
        RBFClassifier(5, random_state=0),
        CBCClassifier(5, random_state=0),
        SVC(),
    ):
        seconds = [timed(lambda model=model: model.fit(X, y)) for _ in range(3)]
        found[type(model).__name__] = statistics.median(seconds)
    return found


def predict_over_product(n, d, per_class, classes):
    """Ratio of predict to the bare product of rows and prototypes."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, d)), rng.integers(0, classes, n)
    model = RBFClassifier(per_class, max_iter=2, random_state=0)
    model.fit(X[:2000], y[:2000])
    w = np.ascontiguousarray(model.prototypes_.T)
    pairs = [
        (settled(lambda: model.predict(X)), settled(lambda: X @ w))
        for _ in range(REPEATS)
    ]
    return {
        "ratio": statistics.median(a / b for a, b in pairs),
        "predict_s": statistics.median(a for a, _ in pairs),
        "product_s": statistics.median(b for _, b in pairs),
    }


MEMORY = """
import threading, time, warnings
import numpy as np
from sklearn_proto import RBFClassifier

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.standard_normal((1_000_000, 50))
y = rng.integers(0, 2, 2000)
model = RBFClassifier(10, max_iter=2, random_state=0).fit(X[:2000], y)
before, peak, running = resident(), 0.0, True

def watch():
    global peak
    while running:
        peak = max(peak, resident())
        time.sleep(0.001)

thread = threading.Thread(target=watch)
thread.start()
model.predict(X)
running = False
thread.join()
print(peak - before)
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def import_seconds():
    """What ``import sklearn_proto`` adds to ``import sklearn``."""
    code = (
        "import sklearn, time, sys; s = time.perf_counter(); import sklearn_proto; "
        "print(time.perf_counter() - s)"
    )
    return statistics.median(float(run(code)) for _ in range(5))


def main():
    warnings.simplefilter("ignore")  # The timed models need not converge.
    found = {
        "fit digits, 5 per class (s)": fit_digits(),
        "predict / product, 100,000 x 64, 50 prototypes": predict_over_product(
            100_000, 64, 5, 10
        ),
        "predict / product, 1,000,000 x 50, 20 prototypes": predict_over_product(
            1_000_000, 50, 10, 2
        ),
        "extra memory of predict, 1,000,000 x 50 (MB)": float(run(MEMORY)),
        "import beyond sklearn (s)": import_seconds(),
    }
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            shown = "  ".join(f"{key} {number:.3f}" for key, number in value.items())
        else:
            shown = f"{value:.3f}"
        lines.append(f"{name:50} {shown}")
        print(lines[-1])
    path = Path(__file__)
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    path.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
