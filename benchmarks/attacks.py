"""Radii found by `empirical_radius` beside the attacks of foolbox and of ART.

Run ``python benchmarks/attacks.py`` where foolbox and adversarial-robustness-toolbox
can be imported (they are no dependency of the package); what cannot be imported says so
in the table. It prints the table, and writes attacks.json and attacks.txt. Every
attack is given the same 50 rows of digits, the same box [0, 1] and the same fitted
model; all perturbed rows are measured in the same way and count only if predict
confirms them. Smaller is stronger. The ratios compare the rows that both found, so the
means of attacks that found fewer rows do not compare. Everything runs on one thread.
"""

import argparse
import importlib
import json
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_proto import RBFClassifier
from sklearn_proto._functional import similarities, squared_distances
from sklearn_proto.robustness._attack import empirical_radius

NAMES = {"foolbox": "foolbox", "art": "adversarial-robustness-toolbox"}


class Scores(torch.nn.Module):
    """The fitted network as torch sees it: class scores of float32 rows, in float64."""

    def __init__(self, view):
        super().__init__()
        self.view = view
        # ART looks for a parameter to learn the device.
        self.w = torch.nn.Parameter(view.tensor(view.prototypes), requires_grad=False)

    def forward(self, x):
        x = x.flatten(1).to(torch.float64)
        phi = similarities(
            squared_distances(x, self.w),
            self.view.widths,
            self.view.metric,
            normalized=self.view.normalized,
        )
        return self.view.affine.scores(phi).amax(2)


def ours(model, X, norm):
    """Perturbed rows of this package."""
    return empirical_radius(
        model, X, norm=norm, bounds=(0, 1), random_state=0
    ).perturbed


def of_foolbox(attack, **options):
    def run(model, X, norm):
        import foolbox

        net = Scores(model.certifiable_view()).eval()
        wrapped = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
        x = torch.as_tensor(X, dtype=torch.float32)
        label = net(x).argmax(1)
        tool = getattr(foolbox.attacks, attack[norm])(**options)
        _, found, _ = tool(wrapped, x, label, epsilons=None)
        return found.detach().numpy().astype(float)

    return run


def of_art(attack, **options):
    def run(model, X, norm):
        evasion = importlib.import_module("art.attacks.evasion")
        estimators = importlib.import_module("art.estimators.classification")

        net = Scores(model.certifiable_view()).eval()
        wrapped = estimators.PyTorchClassifier(
            net,
            loss=torch.nn.CrossEntropyLoss(),
            input_shape=X.shape[1:],
            nb_classes=len(model.classes_),
            clip_values=(0.0, 1.0),
            device_type="cpu",
        )
        tool = getattr(evasion, attack[norm])(wrapped, verbose=False, **options)
        return tool.generate(X.astype(np.float32)).astype(float)

    return run


def of_both(l2, linf):
    return {2: l2, np.inf: linf}


ATTACKS = {
    "sklearn_proto empirical_radius": (None, ours),
    "foolbox DeepFool": (
        "foolbox",
        of_foolbox(of_both("L2DeepFoolAttack", "LinfDeepFoolAttack")),
    ),
    "foolbox FMN, 1000 steps": (
        "foolbox",
        of_foolbox(of_both("L2FMNAttack", "LInfFMNAttack"), steps=1000),
    ),
    "foolbox Brendel-Bethge": (
        "foolbox",
        of_foolbox(
            of_both("L2BrendelBethgeAttack", "LinfinityBrendelBethgeAttack"), steps=1000
        ),
    ),
    "ART DeepFool": ("art", of_art({2: "DeepFool"}, batch_size=50)),
    "ART Carlini-Wagner": (
        "art",
        of_art(
            of_both("CarliniL2Method", "CarliniLInfMethod"), batch_size=50, max_iter=50
        ),
    ),
}


def to_the_boundary(model, X, perturbed, halvings=40):
    """What predict confirms, drawn back along its segment; NaN elsewhere.

    Not every attack ends on the boundary, so this favours those that stop early.
    """
    label = model.predict(X)
    flips = model.predict(np.clip(perturbed, 0, 1)) != label
    step = np.clip(perturbed, 0, 1) - X
    lo, hi = np.zeros(len(X)), np.ones(len(X))
    for _ in range(halvings):
        mid = (lo + hi) / 2
        hit = model.predict(X + mid[:, None] * step) != label
        lo, hi = np.where(hit, lo, mid), np.where(hit, mid, hi)
    step = hi[:, None] * step
    step[~flips] = np.nan
    return step


def importable(package):
    """Version of a package, or None where it cannot be imported."""
    try:
        importlib.import_module(package)
    except Exception as error:  # noqa: BLE001 - old peers fail in many ways.
        return None, f"cannot be imported: {type(error).__name__}: {error}"
    return version(NAMES[package]), ""


def measured(model, X, norm, name, reference):
    package, attack = ATTACKS[name]
    row = {"attack": name, "norm": "l2" if norm == 2 else "linf"}
    if package is not None:
        row["version"], reason = importable(package)
        if row["version"] is None:
            return row | {"note": reason}, None
    start = time.perf_counter()
    try:
        perturbed = attack(model, X, norm)
    except KeyError:
        return row | {"note": "has no attack for this norm"}, None
    except Exception as error:  # noqa: BLE001 - the table says what the peer says.
        return row | {"note": f"{type(error).__name__}: {error}"}, None
    spent = time.perf_counter() - start
    radius = np.linalg.norm(to_the_boundary(model, X, perturbed), ord=norm, axis=1)
    radius = np.where(np.isnan(radius), np.inf, radius)
    found = np.isfinite(radius)
    row |= {
        "found": int(found.sum()),
        "mean_radius": float(radius[found].mean()) if found.any() else None,
        "seconds": spent,
    }
    if reference is not None and found.any():
        ratio = reference[found] / radius[found]
        row |= {
            "ours_over_theirs_mean": float(ratio.mean()),
            "ours_over_theirs_largest": float(ratio.max()),
        }
    return row, radius


def line(row):
    head = f"{row['norm']:5} {row['attack']:32}"
    if "note" in row:
        return f"{head} {row['note']}"
    text = f"{head} {row['found']:5} {row['mean_radius'] or np.nan:10.5f}"
    if "ours_over_theirs_mean" in row:
        text += f" {row['ours_over_theirs_mean']:10.4f}"
        text += f" {row['ours_over_theirs_largest']:10.4f}"
    else:
        text += " " * 22
    return f"{text} {row['seconds']:8.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the split and the fit")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = load_digits(return_X_y=True)
    X, rows, y, _ = train_test_split(X / 16, y, random_state=args.seed, stratify=y)
    model = RBFClassifier(5, random_state=args.seed).fit(X, y)
    rows = rows[: args.rows]
    table, lines = [], []

    def show(text):
        print(text, flush=True)
        lines.append(text)

    show(f"RBFClassifier(5) on digits / 16, {len(rows)} test rows, box [0, 1]")
    show(
        f"{'norm':5} {'attack':32} {'found':>5} {'mean':>10} {'ours/theirs':>11}"
        f" {'largest':>9} {'seconds':>8}"
    )
    for norm in (2, np.inf):
        reference = None
        for name in ATTACKS:
            row, radius = measured(model, rows, norm, name, reference)
            if reference is None:
                reference = radius
            table.append(row)
            show(line(row))
    path = Path(__file__)
    path.with_suffix(".json").write_text(
        json.dumps({"seed": args.seed, "rows": len(rows), "table": table}, indent=2)
    )
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
