"""Certified radii beside what an attack reaches, and what they cost.

Run ``python benchmarks/certificates.py``; it prints three tables and writes
certificates.json and certificates.txt. No radius may exceed that of a perturbation that
changes the prediction: the ratio certified / attacked is at most 1 for every row, or
the script fails. The true radius lies between the two.
"""

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import certified_radius, empirical_radius, exact_radius

DATA = {"digits": load_digits, "breast cancer": load_breast_cancer}
MODELS = {"CBC": CBCClassifier, "RBF": RBFClassifier}
PER_CLASS = (3, 8)
METHODS = (
    "closed_form",
    "interval",
    "tilted",
    "second_order",
    "trust_region",
    "auto",
    "exact",
)
NORMS = {"l1": 1, "linf": np.inf}
# Branch and bound is for few prototypes.
LARGEST_EXACT = 20
RATIOS = ("mean", "smallest", "largest")


def split(name):
    """Standardised training rows, test rows, and their labels."""
    X, y = DATA[name](return_X_y=True)
    X, rows, y, labels = train_test_split(X, y, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(rows), y, labels


def timed(function):
    start = time.perf_counter()
    value = function()
    return value, time.perf_counter() - start


def settled(function, calls=3):
    """Median seconds of a call, after one call that is not counted.

    numpy and torch each have a pool of threads, which spins for a while after a call.
    The first call of the other library shares the cores with it.
    """
    function()
    return statistics.median(timed(function)[1] for _ in range(calls))


def ratios(certified, attacked):
    """Mean, smallest and largest ratio over the rows that the attack moved."""
    moved = np.isfinite(attacked) & (attacked > 0)
    found = certified[moved] / attacked[moved]
    values = (found.mean(), found.min(), found.max())
    return dict(zip(RATIOS, map(float, values), strict=True))


def radii(model, rows, norm, method):
    if method == "exact":
        return exact_radius(model, rows, norm=norm).lower
    return certified_radius(model, rows, norm=norm, method=method)


def compare(model, rows, norm, methods):
    """Every method against one attack."""
    attacked = empirical_radius(model, rows, norm=norm, random_state=0).radius
    radii(model, rows[:2], norm, "auto")  # The first call loads libraries.
    found = {"attacked": float(np.median(attacked))}
    for method in methods:
        try:
            certified, seconds = timed(lambda m=method: radii(model, rows, norm, m))
        except NotImplementedError:
            continue
        found[method] = ratios(certified, attacked) | {"seconds": seconds}
    return found


def bounds_table(n_rows):
    """All bounds in l2, and "auto" in the other norms, for every model."""
    found = []
    for name in DATA:
        X, rows, y, labels = split(name)
        for head, cls in MODELS.items():
            for per_class in PER_CLASS:
                model = cls(per_class, random_state=0).fit(X, y)
                k = len(model.prototypes_)
                few = k <= LARGEST_EXACT
                methods = METHODS if few else METHODS[:-1]
                entry = {
                    "data": name,
                    "model": f"{head}({per_class})",
                    "prototypes": k,
                    "accuracy": model.score(rows, labels),
                    "l2": compare(model, rows[:n_rows], 2, methods),
                }
                for norm, p in NORMS.items():
                    entry[norm] = compare(model, rows[:n_rows], p, ("auto",))
                found.append(entry)
                print(f"done: {name}, {entry['model']}", flush=True)
    return found


def cost(n_rows=10_000, repeats=3):
    """Time of "auto" over that of predict_proba, in turn, on rows near real ones."""
    X, _, y, _ = split("digits")
    rng = np.random.default_rng(0)
    rows = X[rng.integers(0, len(X), n_rows)]
    rows = rows + 0.05 * rng.standard_normal(rows.shape)
    found = {}
    for head, cls in MODELS.items():
        model = cls(5, random_state=0).fit(X, y)
        certified_radius(model, rows[:500])
        pairs = [
            (
                timed(lambda model=model: certified_radius(model, rows))[1],
                settled(lambda model=model: model.predict_proba(rows)),
            )
            for _ in range(repeats)
        ]
        found[f"{head}(5)"] = {
            "prototypes": len(model.prototypes_),
            "rows": n_rows,
            "auto_s": statistics.median(a for a, _ in pairs),
            "predict_proba_s": statistics.median(b for _, b in pairs),
            "ratio": statistics.median(a / b for a, b in pairs),
        }
    return found


def name_of(entry):
    return f"{entry['data']:14} {entry['model']:7} {entry['prototypes']:3}"


def cells(entry, quantity, form):
    shown = (entry["l2"].get(method) for method in METHODS)
    return "".join(
        f"{'-' if value is None else format(value[quantity], form):>13}"
        for value in shown
    )


def bounds_lines(table, n_rows):
    lines = [
        f"certified / attacked in l2, {n_rows} test rows, standardised features",
        f"{'data':14} {'model':7} {'K':>3} {'accuracy':>8}"
        + "".join(f"{method:>13}" for method in METHODS),
    ]
    titles = {
        "mean": "mean",
        "smallest": "smallest",
        "largest": "largest (1 at most)",
        "seconds": f"seconds for {n_rows} rows",
    }
    for quantity, title in titles.items():
        lines.append(title)
        form = ".2f" if quantity == "seconds" else ".4f"
        lines += [
            f"{name_of(entry)} {entry['accuracy']:8.3f}" + cells(entry, quantity, form)
            for entry in table
        ]
    return lines


def norm_lines(table):
    lines = [
        'certified / attacked in other norms, method "auto"',
        f"{'data':14} {'model':7} {'K':>3} {'norm':>5}"
        + "".join(f"{quantity:>13}" for quantity in (*RATIOS, "seconds")),
    ]
    for entry in table:
        for norm in filter(entry.get, NORMS):
            auto = entry[norm]["auto"]
            lines.append(
                f"{name_of(entry)} {norm:>5}"
                + "".join(f"{auto[quantity]:13.4f}" for quantity in RATIOS)
                + f"{auto['seconds']:13.2f}"
            )
    return lines


def cost_lines(costs):
    lines = [
        'cost of "auto": digits, 64 features, timed in turn with predict_proba',
        f"{'model':7} {'K':>3} {'rows':>7} {'auto (s)':>10} {'proba (s)':>10}"
        f" {'ratio':>8}",
    ]
    lines += [
        f"{name:7} {c['prototypes']:3} {c['rows']:7,d} {c['auto_s']:10.3f}"
        f" {c['predict_proba_s']:10.4f} {c['ratio']:8.1f}"
        for name, c in costs.items()
    ]
    return lines


def largest_ratio(table):
    """The largest ratio anywhere."""
    return max(
        value["largest"]
        for entry in table
        for norm in ("l2", *NORMS)
        for value in entry.get(norm, {}).values()
        if isinstance(value, dict)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100, help="test rows to attack")
    args = parser.parse_args()
    # The models need not converge.
    warnings.simplefilter("ignore", ConvergenceWarning)
    costs = cost()
    table = bounds_table(args.rows)
    parts = (bounds_lines(table, args.rows), norm_lines(table), cost_lines(costs))
    text = "\n\n".join("\n".join(part) for part in parts)
    print(text)
    path = Path(__file__)
    found = {"rows": args.rows, "table": table, "cost": costs}
    path.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")
    path.with_suffix(".txt").write_text(text + "\n")
    if largest_ratio(table) > 1:
        raise SystemExit(f"A certified radius is refuted: {largest_ratio(table)}.")


if __name__ == "__main__":
    main()
