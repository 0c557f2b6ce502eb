"""Fit the models of one package on given arrays, in an environment of its own.

Run ``python worker.py PACKAGE IN.npz OUT.json``. The input holds the arrays of folds
(X_train_0, y_train_0, X_test_0, y_test_0 of the first), the rows whose prediction is
timed (X_rows_0), and a JSON list of jobs; the output is a list with one record a job. A
job names its model, the settings (`variant`), the number of prototypes a class, the
seed and the fold. It is late when its fit takes longer than `limit` seconds; a setting
that was late or failed is not tried on the folds that follow.

Nothing here is installed in all environments but numpy, so every package is imported
where it is used.
"""

import contextlib
import json
import math
import signal
import sys
import time
import traceback
import types
import warnings
from pathlib import Path

import numpy as np

ARRAYS = ("X_train", "y_train", "X_test", "y_test", "X_rows")
BATCHES = 1000  # prototorch: the most steps of an epoch.
IMPORTS = 120  # Seconds that late imports may add to a warm-up on a busy machine.


class Ours:
    """sklearn_proto: its defaults, and about as many other settings as the peers."""

    # Those that are run on large data and for --quick; None for all.
    large = ("default", "3 steps", "15 steps", "25 steps", "adam, sigma 20")
    variants = {
        **{
            name: {
                "default": {},
                "identity": {"activation": "identity"},
                "beta 20": {"beta": 20.0},
                "early stopping": {"early_stopping": True},
                "random": {"init": "random"},
                "random, beta 20": {"init": "random", "beta": 20.0},
                "random, 10 steps": {"init": "random", "max_iter": 10},
                "25 steps": {"max_iter": 25},
            }
            for name in ("GLVQ", "GMLVQ", "GTLVQ")
        },
        "LGMLVQ": {
            "default": {},
            "identity": {"activation": "identity"},
            "early stopping": {"early_stopping": True},
            "random": {"init": "random"},
            "random, beta 20": {"init": "random", "beta": 20.0},
            "3 steps": {"max_iter": 3},
            "15 steps": {"max_iter": 15},
            "25 steps": {"max_iter": 25},
            # Fewer matrices, and no time to overfit them.
            "class, identity, 15 steps": {
                "localization": "class",
                "activation": "identity",
                "max_iter": 15,
            },
        },
        "RSLVQ": {
            "default": {},
            "early stopping": {"early_stopping": True},
            "random": {"init": "random"},
            "sigma 20": {"sigma": 20.0, "learn_sigma": False},
            "random, sigma 2": {"init": "random", "sigma": 2.0, "learn_sigma": False},
            # As prototorch: its variance is half of sigma.
            "adam, sigma 20": {
                "sigma": 20.0,
                "learn_sigma": False,
                "solver": "adam",
                "learning_rate": 0.05,
                "max_iter": 100,
            },
            "25 steps": {"max_iter": 25},
        },
    }

    def __init__(self, job, settings):
        import sklearn_proto

        if job["model"] == "GTLVQ":
            settings = {"n_tangents": job["n_tangents"], **settings}
        self.model = getattr(sklearn_proto, job["model"] + "Classifier")(
            job["per_class"], random_state=job["seed"], **settings, **job["extra"]
        )

    def fit(self, X, y):
        self.model.fit(X, y)

    def predict(self, X):
        return self.model.predict(X)

    def iterations(self):
        return int(np.max(getattr(self.model, "n_iter_", -1)))


class Neighbours(Ours):
    """scikit-learn's k nearest neighbours, for a comparison."""

    large = None
    variants = {"KNN": {"default": {}}}

    def __init__(self, job, settings):  # noqa: ARG002
        from sklearn.neighbors import KNeighborsClassifier

        self.model = KNeighborsClassifier()


class Sklvq(Ours):
    """sklvq: its default solver and its L-BFGS, with either activation.

    The squared Euclidean distance, of which the other models have the adaptive form, is
    its default and that of ours.
    """

    variants = {
        name: {
            f"{solver} {activation}": {
                "solver_type": solver,
                "activation_type": activation,
            }
            for solver in ("lbfgs", "sgd")
            for activation in ("sigmoid", "identity")
        }
        for name in ("GLVQ", "GMLVQ", "LGMLVQ")
    }
    large = ("lbfgs sigmoid", "sgd sigmoid")

    def __init__(self, job, settings):
        import sklvq

        self.model = getattr(sklvq, job["model"])(
            prototype_n_per_class=job["per_class"],
            random_state=job["seed"],
            **settings,
        )


class SklearnLvq(Ours):
    """sklearn-lvq: its defaults (a sigmoid); for RSLVQ more widths than its default."""

    variants = {
        **{name: {"default": {}} for name in ("GLVQ", "GMLVQ", "LGMLVQ")},
        "RSLVQ": {f"sigma {s}": {"sigma": s} for s in (0.5, 1.0)},
    }
    large = ("default", "sigma 1.0")

    def __init__(self, job, settings):
        import sklearn_lvq

        self.model = getattr(sklearn_lvq, job["model"].capitalize() + "Model")(
            prototypes_per_class=job["per_class"],
            random_state=job["seed"],
            **settings,
        )


class Prototorch(Ours):
    """prototorch_models: Adam for 100 epochs, as in its examples."""

    variants = {
        **{
            name: {
                f"{transfer} lr {rate}": {"transfer_fn": transfer, "lr": rate}
                for transfer, rate in (
                    ("identity", 0.01),
                    ("identity", 0.05),
                    ("sigmoid_beta", 0.01),
                )
            }
            for name in ("GLVQ", "GMLVQ", "LGMLVQ", "GTLVQ")
        },
        "RSLVQ": {
            f"variance {variance}": {"variance": variance, "lr": 0.05}
            for variance in (0.3, 1.0, 10.0, 100.0)
        },
    }
    large = (
        "identity lr 0.01",
        "sigmoid_beta lr 0.01",
        "variance 10.0",
        "variance 100.0",
    )
    epochs = 100

    def __init__(self, job, settings):
        self.stand_in()
        self.job, self.settings = job, settings

    @staticmethod
    def stand_in():
        """A module torchvision, which prototorch imports for its plots and downloads.

        None of that is called here, and its builds fit few of torch's. Lightning comes
        first, since it looks whether there is a torchvision.
        """
        import pytorch_lightning  # noqa: F401

        names = ("torchvision", "torchvision.datasets", "torchvision.datasets.utils")
        for name in names:
            sys.modules.setdefault(name, types.ModuleType(name))
        sys.modules[names[-1]].download_file_from_google_drive = None

    def fit(self, X, y):
        import prototorch.models
        import pytorch_lightning as lightning
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        lightning.seed_everything(self.job["seed"], verbose=False)
        data = TensorDataset(
            torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
        )
        n_tangents, per_class = self.job["n_tangents"], self.job["per_class"]
        hparams = {
            "distribution": {"num_classes": len(np.unique(y)), "per_class": per_class},
            "input_dim": X.shape[1],
            "latent_dim": n_tangents if self.job["model"] == "GTLVQ" else X.shape[1],
            **self.settings,
        }
        init = prototorch.initializers
        # Noise, as in its examples: at a row the gradient of a norm is not a number.
        place = init.SMCI(data) if per_class == 1 else init.SSCI(data, noise=0.2)
        more = {"prototypes_initializer": place}
        if self.job["model"] == "GTLVQ":
            more["omega_initializer"] = init.PCALTI(data.tensors[0])
        self.model = getattr(prototorch.models, self.job["model"])(hparams, **more)
        size = max(64, math.ceil(len(X) / BATCHES))
        trainer = lightning.Trainer(
            max_epochs=self.epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(self.model, DataLoader(data, batch_size=size, shuffle=True))

    def predict(self, X):
        import torch

        self.model.eval()
        with torch.no_grad():
            return self.model.predict(torch.as_tensor(X, dtype=torch.float32)).numpy()

    def iterations(self):
        return self.epochs


PACKAGES = {
    "sklearn_proto": Ours,
    "sklvq": Sklvq,
    "sklearn_lvq": SklearnLvq,
    "prototorch": Prototorch,
    "sklearn": Neighbours,
}


def timed(function, *args):
    """Seconds of a call, and those of the processor, over all threads."""
    start, busy = time.perf_counter(), time.process_time()
    function(*args)
    return time.perf_counter() - start, time.process_time() - busy


def late(*_):
    raise TimeoutError


def measured(package, job, data):
    """Record of one job: accuracy on the test rows, seconds of fit and of predict."""
    model = package(job, package.variants[job["model"]][job["variant"]])
    fit_s, fit_cpu_s = timed(model.fit, data["X_train"], data["y_train"])
    signal.alarm(0)
    accuracy = float(np.mean(model.predict(data["X_test"]) == data["y_test"]))
    predict_s = sorted(timed(model.predict, data["X_rows"])[0] for _ in range(3))
    return {
        "accuracy": accuracy,
        "fit_s": fit_s,
        "fit_cpu_s": fit_cpu_s,
        "predict_s": predict_s[1],
        "iterations": model.iterations(),
    }


def warm_up(package, job, data):
    """A small fit that does not count: late imports, pools of threads."""
    few = np.concatenate(
        [np.flatnonzero(data["y_train"] == label)[:10] for label in range(2)]
    )
    X, y = data["X_train"][few], data["y_train"][few]
    small = {"X_train": X, "y_train": y, "X_test": X, "y_test": y, "X_rows": X}
    with contextlib.suppress(Exception):
        measured(package, job, small)


def attempt(package, job, data, limit):
    """Record of one job, or why there is none."""
    signal.alarm(limit)
    try:
        return measured(package, job, data)
    except TimeoutError:
        return {"late": limit}
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    finally:
        signal.alarm(0)


def main():
    package = PACKAGES[sys.argv[1]]
    given = dict(np.load(sys.argv[2]))
    limit, timed = int(given["limit"]), bool(given["timed"])
    records, hopeless = [], {}
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    signal.signal(signal.SIGALRM, late)
    for job in json.loads(str(given["jobs"])):
        data = {name: given[f"{name}_{job['fold']}"] for name in ARRAYS}
        # If no times are wanted, only the imports have to stay out of the limit.
        if timed or not records:
            signal.alarm(limit + IMPORTS)
            warm_up(package, job, data)
        key = job["model"], job["variant"]
        record = hopeless.get(key) or attempt(package, job, data, limit)
        if "accuracy" not in record:
            hopeless[key] = record
        records.append(job | record)
        # Written after each job, so that a worker that is ended has said what it knows.
        Path(sys.argv[3]).write_text(json.dumps(records))


if __name__ == "__main__":
    main()
