"""What CONTRIBUTING.rst promises: recipes that are followed, and paths that exist."""

import inspect
import re
from pathlib import Path

import pytest

import sklearn_proto
from sklearn_proto import inspection
from sklearn_proto.extension import CERTIFICATES, NEAREST_CERTIFICATES, SIMILARITIES
from sklearn_proto.robustness import certified_radius
from sklearn_proto.robustness._parts._methods import PART_CERTIFICATES
from tests.instances import INSTANCES

ROOT = Path(__file__).parents[1]
ESTIMATORS = [name for name in sklearn_proto.__all__ if name.endswith("Classifier")]
DISPLAYS = [name for name in inspection.__all__ if name.endswith("Display")]


def missing(name, places):
    """Say in which places a name is not found; the recipe is named in the message."""
    texts = {place: "\n".join(_texts(place)) for place in places}
    return [p for p, text in texts.items() if not re.search(rf"\b{name}\b", text)]


def _texts(place):
    path = ROOT / place
    files = sorted(path.glob("*.rst")) if path.is_dir() else [path]
    return [file.read_text(encoding="utf-8") for file in files]


def followed(recipe, name, places):
    forgotten = missing(name, places)
    assert not forgotten, (
        f"{name} is not mentioned in {forgotten}: see {recipe!r} of the recipes in "
        "CONTRIBUTING.rst."
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_recipe_of_an_estimator(name):
    home = inspect.getmodule(getattr(sklearn_proto, name)).__name__.split(".")[1]
    followed(
        "An estimator",
        name,
        [
            f"sklearn_proto/{home}/__init__.py",
            "tests/instances.py",
            "docs/api.rst",
            "docs/user_guide",
            "README.rst",
            "CHANGELOG.rst",
        ],
    )
    assert any(type(model).__name__ == name for model in INSTANCES.values())


@pytest.mark.parametrize("name", [*CERTIFICATES, *NEAREST_CERTIFICATES])
def test_the_recipe_of_a_bound(name):
    followed("A bound", name, ["sklearn_proto/robustness/_certified_radius.py"])
    assert f'"{name}"' in certified_radius.__doc__
    words = name.replace("_", "[ -]")
    text = "\n".join(_texts("docs/user_guide"))
    assert re.search(words, text, re.IGNORECASE), f"{name} has no proof in the guide."
    assert re.search(words, "\n".join(_texts("CHANGELOG.rst")), re.IGNORECASE)


@pytest.mark.parametrize("table", ["similarity", "nearest", "parts"])
def test_every_bound_of_a_table_says_its_name_and_its_proof(table):
    tables = {
        "similarity": CERTIFICATES,
        "nearest": NEAREST_CERTIFICATES,
        "parts": PART_CERTIFICATES,
    }
    for name, certificate in tables[table].items():
        assert certificate.name == name
        module = inspect.getmodule(type(certificate))
        if name != "auto":  # Which is the largest of the others.
            assert "Proof in the guide" in module.__doc__, (
                f"{module.__name__} does not say where its proof is: see 'A bound' of "
                "the recipes in CONTRIBUTING.rst."
            )


@pytest.mark.parametrize("name", SIMILARITIES)
def test_the_recipe_of_a_deep_part(name):
    followed(
        "A deep part",
        name,
        [
            "sklearn_proto/deep/_protopnet.py",
            "docs/user_guide/deep.rst",
            "tests/deep/test_patches.py",
        ],
    )


@pytest.mark.parametrize("name", DISPLAYS)
def test_the_recipe_of_a_display(name):
    followed(
        "A display",
        name,
        [
            "sklearn_proto/inspection/__init__.py",
            "docs/api.rst",
            "docs/user_guide",
            "tests/inspection/test_bad_displays.py",
            "CHANGELOG.rst",
        ],
    )


def test_a_forgotten_place_is_named():
    with pytest.raises(AssertionError, match=r"Nobody is not .*README.*'A display'"):
        followed("A display", "Nobody", ["README.rst"])


def test_the_paths_of_the_map_exist():
    text = (ROOT / "CONTRIBUTING.rst").read_text(encoding="utf-8")
    known = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")]
    known += ["CHANGELOG.rst", "CONTRIBUTING.rst", "README.rst", "docs/benchmarks.rst"]
    for path in re.findall(r"``([\w/]+\.py)``", text):
        places = [file for file in known if f"/{file}".endswith(f"/{path}")]
        assert places, f"{path} is in CONTRIBUTING.rst, but not in the repository."
    for path in re.findall(r"``((?:docs|tests|\.ci)/[\w/.]+)``", text):
        assert (ROOT / path).exists(), path
    layers = text.split("::\n")[1].split("The journey")[0]
    for folder in re.findall(r"(_?\w+)/", layers):
        assert (ROOT / "sklearn_proto" / folder).is_dir(), folder


def test_the_map_knows_every_layer():
    text = (ROOT / "CONTRIBUTING.rst").read_text(encoding="utf-8")
    package = ROOT / "sklearn_proto"
    folders = [p.name for p in package.iterdir() if (p / "__init__.py").exists()]
    unknown = [name for name in folders if not re.search(rf"\b{name}/", text)]
    assert not unknown, f"{unknown} are no layers of the map in CONTRIBUTING.rst."
