"""Hostile values for every parameter of every public estimator and function.

What a call may do with such a value is: raise a ValueError or TypeError that names the
parameter in a message one can read, or return a valid result. It may not fail in
another way, warn of arithmetic, return NaN, change a global state, or leave an
estimator changed.

A run tries a part of all pairs of parameter and value; ``HOSTILE_SHARE=1`` in the
environment tries all, and ``HOSTILE_SEED`` chooses the part.
"""

import inspect
import os
import random
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.neighbors import KNeighborsClassifier

from sklearn_proto import inspection, metrics, robustness, shallow
from sklearn_proto.robustness import SmoothedClassifier
from tests.breadth import quick_are
from tests.conftest import fitted
from tests.data import three_classes
from tests.hostile_values import HOSTILE
from tests.instances import example, public_estimators

X, Y = three_classes()
FEW, FEW_LABELS = X[::5], Y[::5]
SHARE = float(os.environ.get("HOSTILE_SHARE", "0.05"))
SEED = int(os.environ.get("HOSTILE_SEED", "0"))
READABLE = 5000

# What makes a fit short; also where the value tried makes it longer.
SHORT = {"max_iter": 4, "max_epochs": 1, "warmup_epochs": 1, "n_channels": 4}
# A legal size that no machine has memory for is not what is tested.
SIZES = {"huge", "very long integer"}

# Undefined by its documentation: a class with fewer than two prototypes has no pairs.
MAY_BE_NAN = {"diversity_score"}
# Their errors blame the estimator, the rows or the labels in their own words.
UNNAMED = {"estimator", "X", "y"}


def parts():
    if not hasattr(parts, "found"):
        images, labels, places = metrics.make_drawn_parts(9, random_state=0)
        network = example(
            _class("ProtoPNetClassifier"), **_short("ProtoPNetClassifier")
        )
        parts.found = network.fit(images, labels), images, labels, places
    return parts.found


def _class(name):
    return next(c for c in public_estimators() if c.__name__ == name)


def _short(name):
    known = inspect.signature(_class(name)).parameters
    return {p: v for p, v in SHORT.items() if p in known}


def plain(**_):
    return {"estimator": fitted("cbc"), "X": FEW}


def labelled(**_):
    return {**plain(), "y": FEW_LABELS}


def pictured():
    model, images, labels, places = parts()
    return {"estimator": model, "X": images, "y": labels, "parts": places}


def described():
    model, images, _, _ = parts()
    return {"estimator": model, "X": images[:3]}


# How to call each public function with arguments that it takes.
FUNCTIONS = {
    "agreement_score": plain,
    "consistency_score": pictured,
    "deletion_curve": plain,
    "deletion_score": plain,
    "diversity_score": plain,
    "explain": plain,
    "explanation_size": plain,
    "faithfulness_score": plain,
    "insertion_curve": plain,
    "insertion_score": plain,
    "make_drawn_images": lambda: {"n_samples": 3},
    "make_drawn_parts": lambda: {"n_samples": 3},
    "make_part_scorer": lambda: {"score": metrics.consistency_score},
    "part_purity_score": pictured,
    "prototype_path": lambda: {**labelled(), "max_prototypes": 3},
    "purity_score": labelled,
    "risk_coverage_curve": lambda: {
        "y_true": Y,
        "y_pred": Y[::-1],
        "uncertainty": np.arange(len(Y)),
    },
    "sparsity_score": plain,
    "stability_score": pictured,
    "affine_preprocessing": lambda: {"estimator": fitted("cbc")},
    "certified_accuracy_curve": labelled,
    "certified_accuracy_score": lambda: {**labelled(), "eps": 0.1},
    "certified_radius": labelled,
    "empirical_radius": lambda: {**labelled(), "n_restarts": 1, "max_iter": 2},
    "exact_radius": lambda: {**labelled(), "X": FEW[:2], "y": FEW_LABELS[:2]},
    "make_certified_scorer": lambda: {"eps": 0.1},
    "register_affine": lambda: {"cls": KNeighborsClassifier, "function": len},
    "describe_prototypes": described,
    "report": lambda: {**labelled(), "path": "report.html"},
}
# They change the table of the process, or take whatever there is.
UNTRIED = {"register_affine", "make_part_scorer"}


def public_functions():
    rooms = (metrics, robustness, inspection, shallow)
    found = {n: getattr(room, n) for room in rooms for n in room.__all__}
    return {n: f for n, f in found.items() if inspect.isfunction(f)}


def sample(pairs):
    """The part of the pairs that this run tries."""
    pairs = list(pairs)
    return random.Random(SEED).sample(pairs, max(1, round(SHARE * len(pairs))))


def surroundings():
    figures = []
    if "matplotlib" in sys.modules:
        from matplotlib import _pylab_helpers

        figures = list(_pylab_helpers.Gcf.figs)
    # numpy's generator is left out: who asks for no seed asks for that one.
    return {
        "Python's generator": random.getstate(),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "threads": torch.get_num_threads(),
        "default type": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "errors of numpy": np.geterr(),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "figures": figures,
    }


def tried(call, parameter):
    """Result of a call, None if it was refused; whatever else it does is a failure."""
    before = surroundings()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for allowed in (ConvergenceWarning, DataConversionWarning):
                warnings.simplefilter("ignore", allowed)
            # As it should where few rows are all there is to snap to.
            warnings.filterwarnings("ignore", "snap_to_data=True lowers")
            result = call()
    except (ValueError, TypeError) as error:
        message = str(error)
        assert len(message) < READABLE
        assert parameter in UNNAMED or parameter in message, message
        result = None
    after = surroundings()
    changed = {n for n in before if before[n] != after[n]}
    assert not changed, f"changed {changed}"
    return result


def numbers(result):
    """Arrays of floating numbers in what a function returns."""
    fields = vars(result).values() if hasattr(result, "__dict__") else [result]
    every = result if isinstance(result, tuple) else fields
    arrays = [np.asarray(f) for f in every if isinstance(f, float | np.ndarray)]
    return [a for a in arrays if a.dtype.kind == "f"]


TRIED = sorted(FUNCTIONS.keys() - UNTRIED)
COSTLY = {"exact_radius", "report"}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", quick_are({*TRIED} - COSTLY, TRIED))
def test_functions(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = public_functions()[name]
    pairs = [(p, v) for p in inspect.signature(function).parameters for v in HOSTILE]
    for parameter, value in sample(pairs):
        if value in SIZES and parameter in ("n_samples", "n_repeats", "image_size"):
            continue
        arguments = {**FUNCTIONS[name](), parameter: HOSTILE[value]()}
        try:
            result = tried(lambda a=arguments: function(**a), parameter)
            if name not in MAY_BE_NAN:
                assert not any(np.isnan(a).any() for a in numbers(result))
        except Exception as error:
            error.add_note(f"{name}({parameter}={value})")
            raise


def estimators():
    return {c.__name__: c for c in public_estimators()}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", sorted(estimators()))
def test_parameters_of_estimators(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = example(estimators()[name], **_short(name))
    pairs = [(p, v) for p in make.get_params(deep=False) for v in HOSTILE]
    for parameter, value in sample(pairs):
        model = example(estimators()[name], **_short(name))
        model.set_params(**{parameter: HOSTILE[value]()})
        try:
            try_fit(model, parameter)
        except Exception as error:
            error.add_note(f"{name}({parameter}={value})")
            raise


def test_parameters_of_a_smoothed_classifier():
    inner = KNeighborsClassifier(3)
    known = {"n_samples": 20, "n_samples_selection": 5, "random_state": 0}
    pairs = [
        (p, v)
        for p in inspect.signature(SmoothedClassifier).parameters
        for v in HOSTILE
    ]
    for parameter, value in sample(pairs):
        options = {"estimator": inner, **known, parameter: HOSTILE[value]()}
        try:
            try_fit(SmoothedClassifier(**options), parameter)
        except Exception as error:
            error.add_note(f"SmoothedClassifier({parameter}={value})")
            raise


def try_fit(model, parameter):
    """Fit: what is refused leaves the estimator as it was, what is not predicts."""
    before = dict(vars(model))
    found = tried(lambda: model.fit(FEW, FEW_LABELS), parameter)
    if found is None:
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[n] is before[n] for n in before)
        return
    probabilities = model.predict_proba(FEW)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


def test_every_public_function_is_tried():
    public = public_functions()
    missing = sorted(public.keys() - FUNCTIONS.keys())
    assert not missing, (
        f"add {missing} to FUNCTIONS in tests/test_hostile.py: a function that returns "
        "arguments with which each can be called"
    )
    assert not FUNCTIONS.keys() - public.keys()


@pytest.mark.parametrize(
    "name", sorted(FUNCTIONS.keys() - UNTRIED - {"affine_preprocessing"})
)
def test_every_parameter_has_a_constraint(name):
    function = public_functions()[name]
    checked = getattr(
        inspect.unwrap(function, stop=_has_table), "_skl_parameter_constraints", {}
    )
    assert list(checked) == list(inspect.signature(function).parameters), (
        f"give every parameter of {name} an entry in @validated(...)"
    )


def _has_table(function):
    return "_skl_parameter_constraints" in vars(function)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_arguments_that_are_not_hostile_are_taken(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name not in UNTRIED:
        public_functions()[name](**FUNCTIONS[name]())
