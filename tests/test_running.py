"""How the suite itself runs: processes, and what its markers choose."""

import subprocess
import sys

import pytest

from sklearn_proto import CBCNetClassifier, GLVQClassifier
from tests.markers import is_deep

_PROJECT = {
    "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["."]\n',
    "conftest.py": "from tests.workers import pytest_cmdline_main\n",
    "test_one.py": "def test_one():\n    pass\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in _PROJECT.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        ([], True),
        (["-n", "0"], False),
        (["-k", "one"], False),
        (["test_one.py::test_one"], False),
    ],
)
def test_only_the_whole_suite_starts_workers(project, pytestconfig, arguments, workers):
    root = str(pytestconfig.rootpath)
    environment = {"PYTHONPATH": root, "PYTEST_XDIST_AUTO_NUM_WORKERS": "1"}
    output = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert "1 passed" in output
    assert ("1 worker [1 item]" in output) == workers


@pytest.mark.parametrize("Estimator", [CBCNetClassifier, GLVQClassifier])
def test_deep_by_an_estimator(request, Estimator):
    assert is_deep(request.node) == (Estimator is CBCNetClassifier)


@pytest.mark.parametrize("name", ["protopnet", "glvq"])
def test_deep_by_a_name_of_the_table(request, name):
    marked = request.node.get_closest_marker("deep") is not None
    assert marked == (name == "protopnet")


def test_the_guard_is_not_among_what_runs(request):
    assert not [i for i in request.session.items if i.get_closest_marker("guard")]
