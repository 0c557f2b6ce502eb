"""Children of a fork, and fits in several threads."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from sklearn_proto import (
    CBCNetClassifier,
    ProbPSENNClassifier,
    ProtoPNetClassifier,
    RBFClassifier,
)
from sklearn_proto._threads import suitable_threads
from tests.data import three_classes

X, Y = three_classes()

# Threads that wait for work leave the cores to others.
QUIET = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1"}
# A program of its own, since the processes of these tests have one thread.
FORKING = """
import os
import sys
import threading
import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn_proto import CBCClassifier, GLVQClassifier, ProtoPNetClassifier

torch.set_num_threads(2)
rng = np.random.default_rng(0)
y = np.arange(400) % 3
X = rng.normal(size=(400, 20)) + y[:, None]
deep = {"max_epochs": 1, "warmup_epochs": 1, "n_channels": 4, "batch_size": 200}
models = [
    GLVQClassifier(2, max_iter=3, random_state=0),
    CBCClassifier(2, max_iter=3, random_state=0),
    ProtoPNetClassifier(1, random_state=0, **deep),
]

def everything():
    found = []
    for model in models:
        model.fit(X, y)
        found.append(model.predict_proba(X))
        found.append(model.explain(X[:20]).contributions)
        if hasattr(model, "max_iter"):
            found.append(model.certified_radius(X))
    return found

expected = everything()
# The pools of torch and of scikit-learn have threads now.
torch.randn(500, 500) @ torch.randn(500, 500)
torch.randn(10**6).exp_()
KMeans(3, n_init=1, random_state=0).fit(rng.normal(size=(5000, 5)))
child = os.fork()
if child == 0:
    code = 1
    try:
        torch.set_num_threads(int(sys.argv[1]))
        for here, there in zip(everything(), expected, strict=True):
            # Sums of one thread and of two differ in their last bits.
            np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-5)
        assert torch.get_num_threads() == int(sys.argv[1])
        code = 0
    finally:
        os._exit(code)
assert os.waitpid(child, 0)[1] == 0
assert torch.get_num_threads() == 2
for here, there in zip(everything(), expected, strict=True):
    np.testing.assert_array_equal(here, there)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(sys.modules["os"], "fork"), reason="no fork here")
@pytest.mark.parametrize("threads", ["2"])
def test_a_child_of_a_fork_does_not_hang(threads):
    """A fork copies no threads; whoever waits for those of the parent waits forever."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, threads],
        check=True,
        timeout=150,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "2", **QUIET},
    )


def threads_of_blas():
    found = threadpool_info()
    return {pool["num_threads"] for pool in found if pool["user_api"] == "blas"}


def test_blas_has_one_thread_in_a_fit_and_then_what_it_had():
    with threadpool_limits(2, user_api="blas"):
        for _ in range(2):
            with suitable_threads(1):
                assert threads_of_blas() == {1}
            assert threads_of_blas() == {2}


# Pools are looked for once, so those of all libraries must be there by then.
FIRST_FIT = """
from threadpoolctl import ThreadpoolController
from sklearn_proto import GLVQClassifier
from sklearn_proto._threads import _pools
GLVQClassifier().partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
known = {pool.filepath for pool in _pools("blas").lib_controllers}
import sklearn_proto.inspection, sklearn_proto.robustness, sklearn_proto.metrics
every = ThreadpoolController().select(user_api="blas").lib_controllers
assert known
assert known == {pool.filepath for pool in every}
"""


@pytest.mark.slow
def test_the_first_step_of_a_process_knows_every_pool():
    environment = {"PYTHONPATH": ":".join(sys.path)}
    script = [sys.executable, "-c", FIRST_FIT]
    subprocess.run(script, check=True, timeout=150, env=environment)


def dropping():
    """Backbone that draws in training."""
    return nn.Sequential(
        nn.Conv2d(1, 6, (1, 2)), nn.Dropout(0.3), nn.RReLU(), nn.BatchNorm2d(6)
    )


def tilted(images):
    """Change of images that draws from torch's global generator, as users' do."""
    return images + 0.1 * torch.randn_like(images)


DEEP = {"warmup_epochs": 1, "max_epochs": 2, "batch_size": 16, "random_state": 0}
MODELS = {
    "dropout": ProtoPNetClassifier(
        1, n_channels=4, backbone=dropping, augmentation=tilted, **DEEP
    ),
    "augmented": CBCNetClassifier(1, n_channels=4, augmentation="affine", **DEEP),
    "sampled": ProbPSENNClassifier(n_channels=4, n_latent_channels=2, **DEEP),
    "shallow": RBFClassifier(2, max_iter=10, random_state=0),
}


def fitted(name):
    model = MODELS[name]
    return type(model)(**model.get_params(deep=False)).fit(X, Y).predict_proba(X)


def drawn():
    """States of all global generators."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def assert_nothing_drawn(before):
    python, numpy, ours = before
    after = drawn()
    assert after[0] == python
    np.testing.assert_array_equal(after[1][1], numpy[1])
    assert after[1][2] == numpy[2]
    assert torch.equal(after[2], ours)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_fits_in_threads_are_as_alone(name):
    before = drawn()
    alone = fitted(name)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fitted, [name] * 6))
    for found in together:
        np.testing.assert_array_equal(found, alone)
    assert_nothing_drawn(before)


def test_a_fit_does_not_draw_what_others_draw():
    """A program that draws in another thread gets its own numbers all the time."""

    def draw(_):
        generator = torch.Generator().manual_seed(7)
        torch.manual_seed(7)
        for _ in range(300):
            expected = torch.rand(3, generator=generator)
            if not torch.equal(torch.rand(3), expected):
                return False
        return True

    with ThreadPoolExecutor(3) as pool:
        fits = [pool.submit(fitted, name) for name in ("dropout", "sampled")]
        undisturbed = pool.submit(draw, None)
        assert undisturbed.result()
        assert all(np.isfinite(f.result()).all() for f in fits)


def test_predictions_beside_a_fit_are_as_alone():
    model = ProtoPNetClassifier(1, n_channels=4, backbone=dropping, **DEEP).fit(X, Y)
    alone = model.predict_proba(X)
    with ThreadPoolExecutor(2) as pool:
        fit = pool.submit(fitted, "dropout")
        for _ in range(10):
            np.testing.assert_array_equal(model.predict_proba(X), alone)
        np.testing.assert_array_equal(fit.result(), fitted("dropout"))


def test_dropout_draws_anew_in_every_step():
    """Otherwise equal results in threads would prove nothing."""
    from sklearn_proto._random import drawing, isolated_generators

    layer, ones = nn.Dropout(0.5), torch.ones(64)
    with isolated_generators(0), drawing():
        first, second = layer(ones), layer(ones)
    with isolated_generators(0), drawing():
        again = layer(ones)
    assert not torch.equal(first, second)
    assert torch.equal(first, again)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert torch.equal(first, layer(ones)), "as from the global generator"


DRAWS = {
    "rand": lambda: torch.rand(5),
    "randn": lambda: torch.randn(2, 3),
    "randint": lambda: torch.randint(9, (5,)),
    "randperm": lambda: torch.randperm(7),
    "randn_like": lambda: torch.randn_like(torch.zeros(4)),
    "normal": lambda: torch.normal(torch.zeros(3), 1.0),
    "bernoulli": lambda: torch.bernoulli(torch.full((9,), 0.5)),
    "multinomial": lambda: torch.multinomial(torch.ones(4), 2),
    "in place": lambda: torch.empty(4).exponential_(),
    "kaiming": lambda: nn.init.kaiming_normal_(torch.empty(3, 3)),
    "linear": lambda: nn.Linear(3, 2).weight.detach(),
    "dropout": lambda: nn.functional.dropout(torch.ones(20), 0.5),
    "alpha": lambda: nn.functional.alpha_dropout(torch.ones(20), 0.5, training=True),
    "attention": lambda: nn.functional.scaled_dot_product_attention(
        *torch.ones(3, 1, 4, 4), dropout_p=0.5
    ),
    "gumbel": lambda: nn.functional.gumbel_softmax(torch.zeros(4)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_every_draw_is_from_the_stream(name):
    """With the numbers of the global generator after the same seed, which stays."""
    from sklearn_proto._random import RandomStream

    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = DRAWS[name]()
    before = torch.get_rng_state()
    with RandomStream(3):
        found = DRAWS[name]()
    assert torch.equal(found, expected)
    assert torch.equal(torch.get_rng_state(), before)
