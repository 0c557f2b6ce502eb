"""The demonstration does its job on a small table."""

import re

import numpy as np
import pytest
from sklearn.utils import Bunch

from sklearn_proto import _demo


@pytest.fixture
def bunch():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    data = rng.normal(size=(80, 4)) + 3 * y[:, None]
    return Bunch(
        data=data,
        target=y,
        target_names=np.array(["ebb", "flow"]),
        feature_names=["depth", "speed", "width", "salt"],
    )


@pytest.mark.slow
@pytest.mark.parametrize("image_shape", [None, (2, 2)])
def test_main_job(bunch, image_shape, capsys, tmp_path):
    picture = tmp_path / "row.png"
    _demo.demonstrate("tides", bunch, (1, 2), image_shape, picture)
    out = capsys.readouterr().out
    assert "tides: 80 rows, 4 features" in out
    assert re.search(r"GridSearchCV chose .*n_prototypes_per_class': [12]", out)
    for name in ("CBCClassifier", "SVC", "LogisticRegression"):
        (accuracy,) = re.findall(rf"{name} +([01]\.\d+)", out)
        assert float(accuracy) > 0.9
    assert re.search(r"classified as '(ebb|flow)': score", out)
    certified = [
        float(value)
        for eps in _demo.RADII
        for value in re.findall(rf"^ +{eps} +([01]\.\d+)$", out, flags=re.MULTILINE)
    ]
    assert len(certified) == len(_demo.RADII)
    assert certified == sorted(certified, reverse=True)
    assert 0.5 < certified[0] <= 1
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_command_line(bunch, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(_demo, "demonstrate", lambda *a: calls.append(a))
    _demo.main(["--output", str(tmp_path / "new" / "folder")])
    assert (tmp_path / "new" / "folder").is_dir()
    assert [call[0] for call in calls] == ["breast cancer", "digits"]


def test_without_matplotlib(bunch, capsys, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    picture = tmp_path / "row.png"
    _demo.demonstrate("tides", bunch, (1,), None, picture)
    assert "install matplotlib" in capsys.readouterr().out
    assert not picture.exists()
