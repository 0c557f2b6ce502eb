"""What a program does to torch and numpy shows in no result, nor does ours in it."""

import functools
import sys
import warnings
from contextlib import ExitStack, contextmanager, suppress
from inspect import getattr_static, isclass, isfunction
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sklearn_proto import (
    CBCClassifier,
    CBCNetClassifier,
    GLVQClassifier,
    ProbPSENNClassifier,
    ProtoPNetClassifier,
    RBFClassifier,
    inspection,
    metrics,
    robustness,
)
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.robustness import (
    CertifiedAccuracyDisplay,
    SmoothedClassifier,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_radius,
    empirical_radius,
    exact_radius,
)
from tests.data import three_classes
from tests.instances import FIRST, example, public_estimators

X, Y = three_classes()
FEW = X[:4]
ATTACK = {"n_restarts": 1, "max_iter": 3}


TINY = {
    CBCClassifier: {"max_iter": 2},
    ProbPSENNClassifier: {"max_epochs": 1, "warmup_epochs": 1, "batch_size": 60},
}


def brief(Estimator):
    """Estimator of which a fit takes no time, with every kind of step in it."""
    model = example(Estimator)
    deep = "max_epochs" in model.get_params()
    return model.set_params(**({"max_epochs": 2} if deep else {"max_iter": 3}))


@contextmanager
def set_to(get, put, value):
    """Set a global setting for a block, which must find it and leave it."""
    before = get()
    put(value)
    try:
        yield
        assert get() == value
    finally:
        put(before)


def default_type(dtype):
    return set_to(torch.get_default_dtype, torch.set_default_dtype, dtype)


def deterministic():
    return set_to(
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        value=True,
    )


def anomalies():
    return set_to(
        torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly, value=True
    )


@contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
        assert torch.empty(0).device.type == "meta"
    finally:
        torch.set_default_device(None)


STATES = {
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "float64": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "device": default_device,
    "block of a device": lambda: torch.device("meta"),
    "deterministic": deterministic,
    "anomalies": anomalies,
    "errors": lambda: np.errstate(all="raise"),
}
TOGETHER = {
    "one": ["no_grad", "autocast", "bfloat16", "device", "deterministic", "errors"],
    "two": ["inference", "anomalies", "float64", "block of a device", "errors"],
}


def state_of_the_world():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_anomaly_enabled(),
        np.geterr(),
        list(warnings.filters),
    )


@contextmanager
def state(*names):
    """States around a block, which must leave them and draw no random number."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(STATES[name]())
        before, drawn = state_of_the_world(), torch.get_rng_state()
        yield
        assert state_of_the_world() == before
        assert torch.equal(torch.get_rng_state(), drawn)


def fitted_results(model):
    """What a fit and all that can be asked of it give."""
    model.fit(X, Y)
    explanation = model.explain(FEW)
    found = {
        "prototypes": model.prototypes_,
        "predict": model.predict(X),
        "predict_proba": model.predict_proba(X),
        "predict_log_proba": model.predict_log_proba(X),
        "decision_function": model.decision_function(X),
        "transform": model.transform(X),
        "contributions": explanation.contributions,
        "text": str(explanation[0]),
        "attack": empirical_radius(model, FEW, random_state=0, **ATTACK).radius,
    }
    if hasattr(model, "reconstruct"):
        found["reconstruct"] = model.reconstruct(FEW)
    if hasattr(model, "partial_fit"):
        found["partial_fit"] = model.partial_fit(X, Y).prototypes_
    if hasattr(model, "project"):
        model.project(X, Y).prune(X, Y)
        found["projected"] = model.prototypes_
    return found


def certified_results(model):
    """What proofs give."""
    if not hasattr(model, "max_iter"):
        return {}
    enclosed = exact_radius(model, FEW, max_nodes=5)
    return {
        "method": model.certified_radius(X),
        "function": certified_radius(model, FEW, Y[:4], norm=np.inf),
        "lower": enclosed.lower,
        "upper": enclosed.upper,
        "score": certified_accuracy_score(model, X, Y, eps=0.1),
        "curve": np.stack(certified_accuracy_curve(model, X, Y)),
    }


def pixels(figure):
    """Picture of a figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    plt.close(figure)
    return np.asarray(canvas.buffer_rgba())


def drawn_results(model):
    """What displays draw and metrics say."""
    displays = {
        name: getattr(inspection, name).from_estimator(model, **options).figure_
        for name, options in {
            "PrototypeDisplay": {"X": X},
            "ExplanationDisplay": {"X": X},
        }.items()
    }
    found = {name: pixels(figure) for name, figure in displays.items()}
    figure = model.explain(FEW).plot(0)
    return found | {
        "plot": pixels(figure),
        "sparsity": metrics.sparsity_score(model, FEW),
        "purity": metrics.purity_score(model, X, Y),
        "diversity": metrics.diversity_score(model, FEW),
        "faithfulness": metrics.faithfulness_score(model, FEW),
    }


def results(Estimator):
    model = brief(Estimator)
    found = fitted_results(model)
    return found | certified_results(model) | drawn_results(model)


@functools.cache
def usual_results(Estimator):
    return results(Estimator)


def assert_same_results(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


# Every estimator meets one of the two, one of each kind of them both.
_BOTH = [RBFClassifier, GLVQClassifier, ProtoPNetClassifier, ProbPSENNClassifier]
_PAIRS = [(e, t) for e in _BOTH for t in TOGETHER]
_PAIRS += list(zip([e for e in FIRST if e not in _BOTH], cycle(TOGETHER), strict=False))


@pytest.mark.slow
@pytest.mark.parametrize(("Estimator", "names"), _PAIRS)
def test_nothing_around_changes_a_result(Estimator, names):
    """To the last bit, and nothing around is changed."""
    expected = usual_results(Estimator)
    with state(*TOGETHER[names]):
        found = results(Estimator)
    assert_same_results(found, expected)


@functools.cache
def lipschitz_network():
    return brief(CBCNetClassifier).set_params(lipschitz=True).fit(X, Y)


@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_nothing_around_changes_a_certificate_of_a_network(names):
    expected = lipschitz_network().certified_radius(FEW[:2])
    with state(*names):
        found = lipschitz_network().certified_radius(FEW[:2])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["autocast", "errors", "inference"])
def test_nothing_around_changes_smoothing(name):
    def smoothed():
        model = SmoothedClassifier(brief(CBCClassifier), n_samples=100, random_state=0)
        model.fit(X, Y)
        display = CertifiedAccuracyDisplay.from_estimator(model, FEW, Y[:4])
        return {
            "predict": model.predict(X),
            "radius": model.certify(FEW).radius,
            "picture": pixels(display.figure_),
        }

    expected = smoothed()
    with state(name):
        found = smoothed()
    assert_same_results(found, expected)


def public_functions():
    """Public functions and methods that compute."""
    rooms = [
        getattr(room, name)
        for room in (robustness, metrics, inspection)
        for name in room.__all__
        # They take a note, and compute nothing.
        if not name.startswith(("register", "make_certified", "make_part"))
    ]
    for value in rooms:
        if isfunction(value):
            yield value.__name__, value
    displays = {c for c in rooms if isclass(c) and "Display" in c.__name__}
    for cls in public_estimators() | displays | {SmoothedClassifier}:
        for name in dir(cls):
            value = getattr_static(cls, name)
            value = getattr(value, "__func__", value)
            public = isfunction(value) and not name.startswith("_")
            if public and value.__module__.startswith("sklearn_proto."):
                yield f"{cls.__name__}.{name}", value


def test_every_public_function_is_a_door():
    """Or passes through to one without a computation of its own."""
    functions = dict(public_functions())
    assert len(functions) > 150
    outside = {n for n, f in functions.items() if not hasattr(f, "is_undisturbed")}
    passing = {"SmoothedClassifier.get_metadata_routing"}
    assert outside == passing


@contextmanager
def interrupted_at(line):
    """Raise KeyboardInterrupt at the n-th line that this package or torch executes.

    Yields how many lines there were.
    """
    rooms = ("sklearn_proto", "torch/autograd/grad_mode", "torch/utils/_contextlib")
    seen = [0]

    def trace(frame, event, _):
        if not any(room in frame.f_code.co_filename for room in rooms):
            return None
        # Python handles no signal between the end of a block and the release of its
        # lock, but it does trace the line.
        locking = "_shared_setting" in frame.f_code.co_filename
        if event == ("call" if locking else "line"):
            seen[0] += 1
            if seen[0] == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield seen
    finally:
        sys.settrace(before)


@pytest.mark.filterwarnings("ignore:fit was interrupted")
@pytest.mark.parametrize("Estimator", [CBCClassifier, ProbPSENNClassifier])
def test_an_interruption_at_any_point_leaves_no_trace(Estimator):
    """Ctrl-C may come before a block has begun, and while it ends."""
    model = brief(Estimator).set_params(**TINY[Estimator])
    certifies = Estimator is CBCClassifier

    def run():
        model.fit(X, Y).predict(FEW)
        if certifies:
            model.certified_radius(FEW)

    run()
    before, drawn = state_of_the_world(), torch.get_rng_state()
    with interrupted_at(-1) as total:
        run()
    rng = np.random.default_rng(0)
    ends = 0
    for line in rng.integers(1, total[0], 40):
        try:
            with interrupted_at(line):
                run()
        except KeyboardInterrupt:
            ends += 1
        assert state_of_the_world() == before, line
        assert torch.equal(torch.get_rng_state(), drawn)
    assert ends > 10


def test_an_interruption_while_all_is_given_back():
    """At every line of it, the state of the caller returns."""

    @undisturbed
    def nothing():
        assert torch.is_grad_enabled()

    with state("no_grad", "autocast", "bfloat16", "errors"):
        before = state_of_the_world()
        with interrupted_at(-1) as total:
            nothing()
        for line in range(1, total[0] + 1):
            with interrupted_at(line), suppress(KeyboardInterrupt):
                nothing()
            assert state_of_the_world() == before, line
