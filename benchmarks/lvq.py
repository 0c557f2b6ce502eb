"""The LVQ family beside the packages sklvq, sklearn-lvq and prototorch.

Run ``python benchmarks/lvq.py``; it prints a table and writes lvq.txt and lvq.json.
Each peer has a virtual environment of its own, made from the pins in peers/ when there
is none yet. All packages get the very same arrays, and each fits in a worker process,
peers/worker.py; in the part that takes the time the packages take turns, so that a
drifting machine cancels. Settings are the best of each package: all of peers/worker.py
are tried, and those of the highest mean accuracy on the test rows shown; for most
models the peers have eight in all, and this package eight or nine.

On the small data sets a row is half a percent, and on one split it would decide. So
the five folds are repeated over several splits, the same for all packages, with a seed
of its own for each. To afford them, settings of any package that on the first split are
more than `FAR` below its best for the model are not repeated, and left out. The mean,
and the standard deviation behind +-, are over all folds. With ``--missing`` those that
earlier runs lack by these rules are run, and the others stay.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
from peers.worker import PACKAGES
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
CACHE = Path("~/.cache/sklearn_proto_peers").expanduser()
PEERS = ("sklvq", "sklearn_lvq", "prototorch")
MODELS = ("GLVQ", "GMLVQ", "LGMLVQ", "GTLVQ", "RSLVQ")
SMALL = ("iris", "wine", "breast cancer")  # These are split more than once.
FOLDS = 5
FAR = 0.015  # More than two rows of iris or wine, and than eight of breast cancer.
RULE = f"""\
Settings of any package that on the first of several splits are more than {FAR} below
its best for the model are not repeated, and left out.
"""
DATA = {
    "iris": (load_iris, 1),
    "wine": (load_wine, 2),
    "breast cancer": (load_breast_cancer, 3),
    "digits": (load_digits, 4),
}
CASES = {"digits": "digits, 5 per class", "large": "100,000 x 50, 2 per class"}
N_TANGENTS = {name: number for name, (_, number) in DATA.items()}


def environment(peer, folder):
    """Python of the peer's environment, made when its pins are new, or a reason."""
    pins, home = (HERE / "peers" / f"{peer}.txt").read_text(), folder / peer
    python, marker = home / "bin" / "python", home / "pins.txt"
    if marker.exists() and marker.read_text() == pins:
        return python, None
    print(f"making an environment for {peer} in {home}", flush=True)
    venv.create(home, clear=True, with_pip=True)
    most, _, bare = pins.partition("# Without dependencies:\n")
    for part, option in ((most, []), (bare, ["--no-deps"])):
        if not part:
            continue
        wanted = home / "wanted.txt"
        wanted.write_text(part)
        command = [python, "-m", "pip", "install", "-q", *option, "-r", wanted]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip().splitlines()[-1]
    marker.write_text(pins)
    return python, None


class Workers:
    """The packages' interpreters, and the settings that are not tried again."""

    def __init__(self, args):
        self.limit, self.extra, self.hopeless = args.limit, dict(args.set), set()
        self.quick, self.missing = args.quick, args.missing
        self.pythons = {"sklearn_proto": sys.executable, "sklearn": sys.executable}
        for peer in args.packages:
            if peer in PEERS:
                python, reason = environment(peer, args.peers)
                if reason is None:
                    self.pythons[peer] = python
                else:
                    print(f"{peer} is left out: {reason}")
        wanted = (*args.packages, "sklearn")
        self.pythons = {k: v for k, v in self.pythons.items() if k in wanted}

    def jobs(self, package, settings, large):
        """All models and variants of a package, or those for large data."""
        package = PACKAGES[package]
        return [
            {"model": model, "variant": variant, "extra": self.extra, **settings}
            for model, variants in package.variants.items()
            for variant in variants
            if not (large or self.quick)
            or package.large is None
            or variant in package.large
        ]

    def turn(self, folds, settings, *, large=False, timed=True):
        """Records of the folds: each package in turn, setting by setting."""
        records = []
        for package in self.pythons:
            jobs = [
                job | {"fold": number}
                for job in self.jobs(package, settings, large)
                if (package, job["model"], job["variant"]) not in self.hopeless
                for number in range(len(folds))
            ]
            found = self.work(package, folds, jobs, timed)
            records += [{"package": package, **record} for record in found]
        self.hopeless |= {setting(r) for r in records if "accuracy" not in r}
        return records

    def work(self, package, folds, jobs, timed):
        """Records of the jobs; a worker that dies is followed by one for the rest."""
        records, given = [], {"limit": self.limit, "timed": timed}
        for number, arrays in enumerate(folds):
            given |= {f"{name}_{number}": array for name, array in arrays.items()}
        with tempfile.TemporaryDirectory() as folder:
            source, taken = Path(folder) / "in.npz", Path(folder) / "out.json"
            while len(records) < len(jobs):
                rest = jobs[len(records) :]
                np.savez(source, jobs=json.dumps(rest), **given)
                taken.write_text("[]")
                command = [self.pythons[package], HERE / "peers" / "worker.py"]
                done = subprocess.run(
                    [*command, package, source, taken], capture_output=True, text=True
                )
                found = json.loads(taken.read_text())
                records += found
                if len(found) < len(rest):
                    said = done.stderr.strip().splitlines()[-1:] or [done.returncode]
                    records.append(rest[len(found)] | {"error": f"ended: {said[0]}"})
        return records


def setting(record):
    return record["package"], record["model"], record["variant"]


def split(X, y, train, test):
    """Arrays of a split, scaled on its training rows."""
    scale = StandardScaler().fit(X[train])
    found = {"X_train": scale.transform(X[train]), "y_train": y[train]}
    return found | {"X_test": scale.transform(X[test]), "y_test": y[test]}


def summary(records, earlier=()):
    """By package and model: each variant's means, in the order of accuracy.

    Those of fewer runs come after. `earlier` are rows of earlier runs, which stay.
    """
    groups = {}
    for record in records:
        groups.setdefault(setting(record), []).append(record)
    rows = []
    for (package, model, variant), runs in groups.items():
        row = {"package": package, "model": model, "variant": variant}
        why = next((run for run in runs if "accuracy" not in run), None)
        if why is None:
            for name in ("accuracy", "fit_s", "fit_cpu_s", "predict_s"):
                row[name] = statistics.mean(run[name] for run in runs)
            row["std"] = float(np.std([run["accuracy"] for run in runs]))
            row["runs"] = [[run["fit_s"], run["predict_s"]] for run in runs]
            row["first"] = statistics.mean(run["accuracy"] for run in runs[:FOLDS])
        else:
            row |= {k: why[k] for k in ("late", "error") if k in why}
        rows.append(row)
    rows += earlier
    rows.sort(key=lambda row: (-len(row.get("runs", ())), -row.get("accuracy", -1)))
    order = [(model, package) for model in (*MODELS, "KNN") for package in PACKAGES]
    rows.sort(key=lambda row: order.index((row["model"], row["package"])))
    return rows


def best(rows):
    """The first row, the most accurate, of each package and model."""
    firsts = {}
    for row in rows:
        firsts.setdefault((row["package"], row["model"]), row)
    return list(firsts.values())


def far(rows):
    """Settings that on the first split are far below the best of package and model."""
    rows, tops = [row for row in rows if "first" in row], {}
    for row in rows:
        key = row["package"], row["model"]
        tops[key] = max(tops.get(key, 0), row["first"])
    return {
        setting(row)
        for row in rows
        if row["first"] < tops[row["package"], row["model"]] - FAR
    }


def kept(rows, workers, splits):
    """Rows of earlier runs that stay: of packages that are not run, or not missing."""
    done = set()
    if workers.missing:
        whole = (0, splits * FOLDS)  # None if it was late or failed.
        done = far(rows)
        done |= {setting(row) for row in rows if len(row.get("runs", ())) in whole}
    return [
        row
        for row in rows
        if row["package"] not in workers.pythons or setting(row) in done
    ]


def ratio(row, rows, which):
    """Median over the splits of a package's seconds over ours, shown.

    At equal accuracy: ours is the fastest setting that is at least as accurate as the
    row, or the most accurate one, marked with a star. The accuracy of a row that is
    late is not known: ours is then the fastest within 0.005 of our best.
    """
    ours = [
        r
        for r in rows
        if (r["package"], r["model"]) == ("sklearn_proto", row["model"]) and "runs" in r
    ]
    if not ours or row["package"] == "sklearn_proto" or ("late" in row and which):
        return " " * 9
    least = row.get("accuracy", ours[0]["accuracy"] - 0.005)
    equal = [r for r in ours if r["accuracy"] >= least]
    own = min(equal, key=lambda r: r["fit_s"]) if equal else ours[0]
    mark = "x" if equal else "*"
    if "late" in row:
        return f"> {row['late'] / max(run[0] for run in own['runs']):6.1f}{mark}"
    pairs = zip(row["runs"], own["runs"], strict=False)
    return f"{statistics.median(a[which] / b[which] for a, b in pairs):8.1f}{mark}"


def timings(row, rows):
    """End of a line: seconds, and their ratios to ours."""
    if "late" in row:
        return f"            {ratio(row, rows, 0)}"
    fit, predict = ratio(row, rows, 0), ratio(row, rows, 1)
    return (
        f" {row['fit_s']:8.3f} {row['fit_cpu_s']:10.3f}  {fit}"
        f" {1000 * row['predict_s']:11.2f}  {predict}"
    )


def shown(title, rows, *, timed):
    """Lines of a table, with seconds if they were taken on a quiet machine."""
    most = max(len(row.get("runs", ())) for row in rows)
    end = "            fit s      cpu s  over ours  predict ms  over ours"
    if not timed:
        end = f" +- std of {most // FOLDS} x {FOLDS} folds"
    lines = [f"{title:48} accuracy{end}"]
    for row in rows:
        line = f"  {row['model']:7}{row['package']:14}{row['variant']:26}"
        if "error" in row:
            line += f"failed: {row['error']}"
        elif "late" in row:
            line += f"        more than {row['late']:5d} s"
        else:
            line += f"{row['accuracy']:.4f} +- {row['std']:.4f}"
            if len(row["runs"]) < most:
                line += f"  ({len(row['runs'])} folds)"
        if timed and "error" not in row:
            line += timings(row, rows)
        lines.append(line.rstrip())
    return lines


def accuracy(workers, args, earlier):
    """Mean over the folds of all splits, for each data set and number of prototypes.

    It does not depend on the load, so packages that are not run keep their rows.
    """
    found = {}
    for name in args.data:
        splits = args.splits if name in SMALL else 1
        for per_class in (1, 5):
            title = f"{name}, {per_class} per class"
            rows = kept(earlier.get(title, []), workers, splits)
            records = repeated(workers, name, per_class, splits, rows)
            found[title] = summary(records, rows)
            print("\n".join(shown(title, best(found[title]), timed=False)), flush=True)
    return found


def repeated(workers, name, per_class, splits, earlier):
    """Records of the folds of all splits; what is late, failed or far ends early.

    Settings of `earlier` rows are not run.
    """
    X, y = DATA[name][0](return_X_y=True)
    settings = {"per_class": per_class, "n_tangents": N_TANGENTS[name]}
    records, workers.hopeless = [], {setting(row) for row in earlier}
    for seed in range(splits):
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        folds = [split(X, y, *rows) for rows in splitter.split(X, y)]
        folds = [fold | {"X_rows": fold["X_test"]} for fold in folds]
        records += workers.turn(folds, settings | {"seed": seed}, timed=False)
        if seed == 0:
            workers.hopeless |= far(summary(records, earlier))
    return records


def speed(workers, args, _):
    """Seconds of fit on four fifths of the rows, and of predict on all."""
    found = {}
    large = make_classification(
        100_000, 50, n_informative=20, n_classes=5, random_state=0
    )
    cases = {
        "digits": (load_digits(return_X_y=True), 5, 3),
        "large": (large, 2, 1),
    }
    for name in args.cases:
        title, ((X, y), per_class, repeats) = CASES[name], cases[name]
        train, test = train_test_split(
            np.arange(len(y)), test_size=0.2, stratify=y, random_state=0
        )
        arrays = split(X, y, train, test)
        arrays["X_rows"] = np.concatenate([arrays["X_train"], arrays["X_test"]])
        settings = {"per_class": per_class, "n_tangents": N_TANGENTS["digits"]}
        settings["seed"] = 0
        workers.hopeless = set()
        records = []
        for _ in range(repeats):
            records += workers.turn([arrays], settings, large=repeats == 1)
        found[title] = summary(records)
        print("\n".join(shown(title, found[title], timed=True)), flush=True)
    return found


def pair(text):
    name, value = text.split("=")
    return name, json.loads(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("accuracy", "speed", "all"), default="all")
    parser.add_argument("--peers", type=Path, default=CACHE, help="of environments")
    parser.add_argument("--limit", type=int, default=600, help="seconds of a fit")
    parser.add_argument("--quick", action="store_true", help="fewer settings of peers")
    parser.add_argument(
        "--missing", action="store_true", help="keep what earlier runs have"
    )
    parser.add_argument("--splits", type=int, default=3, help="of the small data sets")
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=DATA)
    parser.add_argument(
        "--cases", nargs="*", default=list(CASES), choices=CASES, help="of speed"
    )
    parser.add_argument(
        "--packages", nargs="*", default=["sklearn_proto", *PEERS], choices=PACKAGES
    )
    parser.add_argument("--set", nargs="*", default=[], type=pair, metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=Path(__file__))
    args = parser.parse_args()
    workers = Workers(args)
    path = args.out.with_suffix(".json")
    found = json.loads(path.read_text()) if path.exists() else {}
    for part in (accuracy, speed):
        if args.part in ("all", part.__name__):
            # Data sets of earlier runs stay, so that a long run can be split.
            earlier = found.get(part.__name__, {})
            found[part.__name__] = earlier | part(workers, args, earlier)
    path.write_text(json.dumps(found, indent=2) + "\n")
    lines = RULE.splitlines()
    for part, choose in (("accuracy", best), ("speed", list)):
        for title, rows in found.get(part, {}).items():
            lines += [f"{part}: ", *shown(title, choose(rows), timed=part == "speed")]
    args.out.with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
