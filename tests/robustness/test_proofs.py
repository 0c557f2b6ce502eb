"""Proofs and code point at each other: labels of the guide, named in the files."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import sklearn_proto
from sklearn_proto.robustness import CERTIFICATES, NEAREST_CERTIFICATES
from sklearn_proto.robustness import _smoothing as smoothing
from sklearn_proto.robustness._parts._methods import PART_CERTIFICATES
from sklearn_proto.robustness._similarity import (
    _auto,
    _fast_pass,
    _gaps,
    _quadratic_bound,
    _trace_bound,
)
from sklearn_proto.robustness._similarity._branch_and_bound import _multipliers

PACKAGE = Path(sklearn_proto.__file__).parent
GUIDE = PACKAGE.parent / "docs" / "user_guide"
# As `Proof in the guide: `one`, and what belongs to it `two`.` at the head of a file.
PROOF = re.compile(r"Proof in the guide: (.*?)(?:\n\n|\Z)", re.DOTALL)
LABEL = re.compile(r"`([a-z0-9-]+)`")

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="without the guide")


def defined():
    """Labels of equations, and targets of steps, with the pages they are on."""
    found = []
    for page in GUIDE.glob("*.rst"):
        text = page.read_text(encoding="utf-8")
        found += re.findall(r"^ +:label: (\S+)$", text, re.MULTILINE)
        found += re.findall(r"^\.\. _(largest-step-\d+):$", text, re.MULTILINE)
    return found


def named_in(path):
    """Labels that the head of a file names."""
    head = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    proof = PROOF.search(head)
    return [] if proof is None else LABEL.findall(proof[1])


def certificate_files():
    """Where every bound is, by the tables of methods and what is in no table."""
    tables = CERTIFICATES, NEAREST_CERTIFICATES, PART_CERTIFICATES
    bounds = [type(bound) for table in tables for bound in table.values()]
    bounds += [smoothing.SmoothedClassifier]
    bounds += [_auto, _fast_pass, _quadratic_bound, _trace_bound, _multipliers]
    return sorted({Path(inspect.getfile(bound)) for bound in bounds})


FILES = {str(path.relative_to(PACKAGE)): path for path in certificate_files()}


@pytest.mark.parametrize("name", FILES)
def test_every_bound_names_its_proof(name):
    assert named_in(FILES[name])


def test_every_label_that_is_named_is_in_the_guide():
    labels = set(defined())
    named = {path: named_in(path) for path in PACKAGE.rglob("*.py")}
    unknown = {
        str(path.relative_to(PACKAGE)): sorted(set(found) - labels)
        for path, found in named.items()
        if set(found) - labels
    }
    assert unknown == {}
    # Steps and bounds that no file claims would have been proven for nothing.
    claimed = {label for found in named.values() for label in found}
    assert {f"largest-step-{step}" for step in (1, 2, 3, 4)} <= claimed


def test_labels_are_unique_and_referred_to_rightly():
    labels = defined()
    assert len(labels) == len(set(labels))
    for page in GUIDE.glob("*.rst"):
        referred = re.findall(r":eq:`([^`]+)`", page.read_text(encoding="utf-8"))
        assert set(referred) <= set(labels)


def test_every_equation_of_the_proofs_has_a_label():
    for page in ("certificates", "nearest_certificates", "deep_certificates"):
        text = (GUIDE / f"{page}.rst").read_text(encoding="utf-8")
        equations = text.count(".. math::")
        assert equations == len(re.findall(r"^\.\. math::\n +:label: ", text, re.M))
        assert equations > 3


def test_symbols_of_the_proofs_are_names_of_the_code():
    """The table at the head of the quadratic bound, name by name."""
    names = re.findall(r"``([A-Z]\w+)\.(\w+)``", inspect.getdoc(_quadratic_bound))
    assert len(names) > 18
    for holder, attribute in names:
        cls = getattr(_quadratic_bound, holder, None) or getattr(_gaps, holder)
        assert attribute in {*dir(cls), *cls.__annotations__}, f"{holder}.{attribute}"
