"""Importing the package is cheap, and its names are what it says."""

import subprocess
import sys

import pytest

import sklearn_proto

OPTIONAL = ["matplotlib", "pandas", "polars", "skorch", "tqdm"]


def loaded_after(code):
    """Names of the modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_import_loads_nothing_heavy():
    loaded = loaded_after("import sklearn_proto")
    assert "sklearn_proto" in loaded
    assert not loaded & {"torch", "sklearn", *OPTIONAL}


@pytest.mark.slow
def test_estimators_load_no_optional_package():
    base = loaded_after("import sklearn, torch")
    loaded = loaded_after(
        "from sklearn_proto import CBCClassifier, inspection, robustness\n"
        "inspection.report"
    )
    assert "torch" in loaded
    assert not (loaded - base) & set(OPTIONAL)


@pytest.mark.slow
def test_fit_loads_no_optional_package():
    base = loaded_after("import sklearn.datasets, torch, torch.optim")
    loaded = loaded_after(
        "from sklearn.datasets import load_iris\n"
        "from sklearn_proto import RBFClassifier\n"
        "X, y = load_iris(return_X_y=True)\n"
        "model = RBFClassifier(random_state=0, tol=1e-2).fit(X, y)\n"
        "str(model.explain(X[:1])), model.certified_radius(X)"
    )
    assert not (loaded - base) & set(OPTIONAL)


def test_every_public_name_resolves():
    for name in sklearn_proto.__all__:
        assert getattr(sklearn_proto, name) is not None
    assert sorted(sklearn_proto.__all__) == list(sklearn_proto.__all__)


def test_dir_lists_the_public_names():
    assert set(dir(sklearn_proto)) == {*sklearn_proto.__all__, "__version__"}


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'bogus'"):
        _ = sklearn_proto.bogus


@pytest.mark.slow
def test_subpackages_after_a_bare_import():
    loaded = loaded_after(
        "import sklearn_proto\nsklearn_proto.robustness.certified_radius"
    )
    assert "sklearn_proto.robustness" in loaded


def test_public_names_of_the_subpackages_resolve():
    from sklearn_proto import explain, inspection, metrics, robustness, shallow

    for package in (explain, inspection, metrics, robustness, shallow):
        for name in package.__all__:
            assert hasattr(package, name), (package.__name__, name)


def test_old_names_work_for_a_release():
    import sklearn_proto

    new = sklearn_proto.DecodedExplanation
    for module in (sklearn_proto, sklearn_proto.explain):
        with pytest.warns(FutureWarning, match="WholeExplanation is now .*Decoded"):
            assert module.WholeExplanation is new
    with pytest.raises(AttributeError, match=r"explain.*no attribute 'Other'"):
        _ = sklearn_proto.explain.Other
