"""What prototypes are said to be about, where there is only one right answer.

Run ``python benchmarks/characteristics.py``; it prints a table and writes
characteristics.txt and characteristics.json. The classes of the drawn images differ by
their hue, their shape or their texture only, so that is what every prototype should be
about. Models are tested on other images; those that were not learned count as well.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from sklearn.base import clone

from sklearn_proto import ProtoPNetClassifier
from sklearn_proto.inspection import describe_prototypes
from sklearn_proto.metrics import make_drawn_images

DIFFERENCES = ("hue", "shape", "texture")
MODEL = ProtoPNetClassifier(
    2,
    n_channels=16,
    warmup_epochs=15,
    max_epochs=10,
    batch_size=16,
    learning_rate=3e-3,
    separation_weight=0.5,
)
# The strengths were chosen on images drawn with smaller seeds; the length of training
# on these, so that the networks learn their task.
FIRST_SEED = 100
LEARNED = 0.9


def run(differ_by, seed, n_images):
    X, y = make_drawn_images(n_images, differ_by=differ_by, random_state=seed)
    X_test, y_test = make_drawn_images(
        300, differ_by=differ_by, random_state=seed + 10_000
    )
    start = time.perf_counter()
    model = clone(MODEL).set_params(random_state=seed).fit(X, y)
    fitted = time.perf_counter()
    found = describe_prototypes(model, X, random_state=seed)
    described = time.perf_counter()
    importance = found.global_importance
    column = found.characteristics.tolist().index(differ_by)
    return {
        "accuracy": model.score(X_test, y_test),
        "right": float((found.mostly_about == differ_by).mean()),
        "n_prototypes": len(importance),
        "importance": float(importance[:, column].mean()),
        "all": dict(
            zip(
                found.characteristics.tolist(),
                importance.mean(axis=0).tolist(),
                strict=True,
            )
        ),
        "fit_s": fitted - start,
        "describe_s": described - fitted,
    }


def counted(rows):
    total = sum(r["n_prototypes"] for r in rows)
    right = round(sum(r["right"] * r["n_prototypes"] for r in rows))
    return f"{right} of {total} prototypes ({right / max(total, 1):.3f})"


def shown(records):
    lines = [
        f"{'classes differ by':18}  accuracy   {'named rightly':32}"
        "       hue saturation contrast    shape   texture    fit s  describe s"
    ]
    for differ_by, rows in records.items():
        mean = {k: statistics.mean(r[k] for r in rows) for k in rows[0] if k != "all"}
        each = [statistics.mean(r["all"][c] for r in rows) for c in rows[0]["all"]]
        importances = "".join(f"{value:10.3f}" for value in each)
        lines.append(
            f"{differ_by:18}{mean['accuracy']:10.3f}   {counted(rows):32}{importances}"
            f"{mean['fit_s']:9.1f}{mean['describe_s']:12.1f}"
        )
    rows = [r for rows in records.values() for r in rows]
    lines.append(f"in all {counted(rows)}")
    learned = [r for r in rows if r["accuracy"] > LEARNED]
    lines.append(f"of networks with an accuracy above {LEARNED}: {counted(learned)}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of models of each")
    parser.add_argument("--images", type=int, default=500, help="to train on")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    records = {}
    for differ_by in DIFFERENCES:
        for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
            record = run(differ_by, seed, args.images)
            records.setdefault(differ_by, []).append(record)
            print(differ_by, seed, record, flush=True)
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(records, indent=2) + "\n")
    lines = shown(records)
    print("\n".join(lines))
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
