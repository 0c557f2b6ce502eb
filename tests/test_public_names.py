"""Every public name has a docstring that numpydoc accepts."""

import inspect
import tomllib
from importlib import import_module

import pytest
from numpydoc.validate import ERROR_MSGS, validate

_PACKAGES = (
    "sklearn_proto",
    "sklearn_proto.robustness",
    "sklearn_proto.inspection",
    "sklearn_proto.metrics",
)
_ALLOWED = {
    # numpydoc takes an argument `cls` for that of a class method.
    ("sklearn_proto.robustness.register_affine", "PR02"),
    # A protocol has no constructor.
    ("sklearn_proto.robustness.Certificate", "PR01"),
}


def public_names():
    """Names of functions and classes, and of the public methods and properties."""
    for package in _PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{package}.{name}"
            if inspect.isclass(thing):
                yield from (f"{package}.{name}.{m}" for m in _members(thing))


def _members(thing):
    """Public methods and properties that the package itself writes."""
    for name, member in inspect.getmembers(thing):
        function = member.fget if isinstance(member, property) else member
        home = getattr(inspect.unwrap(function), "__module__", None) or ""
        described = callable(function) and home.startswith("sklearn_proto")
        if described and not name.startswith("_"):
            yield name


@pytest.fixture(scope="module")
def ignored(pytestconfig):
    """Checks that are off. The table of pyproject turns on "all" but those."""
    text = (pytestconfig.rootpath / "pyproject.toml").read_text(encoding="utf-8")
    first, *rest = tomllib.loads(text)["tool"]["numpydoc_validation"]["checks"]
    assert first == "all"
    assert set(rest) < set(ERROR_MSGS)
    return set(rest)


@pytest.mark.parametrize("name", list(public_names()))
def test_docstring_is_numpydoc(name, ignored):
    wrong = {
        code: message
        for code, message in validate(name)["errors"]
        if code not in ignored and (name, code) not in _ALLOWED
    }
    assert not wrong, f"{name}: {wrong}"


def test_a_missing_docstring_is_an_error(ignored):
    assert "GL08" not in ignored
