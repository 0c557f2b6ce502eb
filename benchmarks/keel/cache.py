"""Results on disk: a file for each table, model and fold."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from keel.models import OURS

CACHE = Path("~/.cache/sklearn_proto_tables").expanduser()


@dataclass(frozen=True)
class Variant:
    """A model with parameters of its own, behind an encoding; `label` names it.

    It may be inside a CalibratedClassifierCV of some method, and have the tag of a
    state of the package.
    """

    name: str
    settings: dict = field(default_factory=dict)
    encoding: str = "one-hot"
    tag: str = ""
    calibration: str = ""

    @property
    def label(self):
        words = [self.name]
        words += [f"{k}={v}" for k, v in sorted(self.settings.items())]
        words += [f"@{self.tag}"] if self.tag and self.name in OURS else []
        words += [f"[{self.encoding}]"] if self.encoding != "one-hot" else []
        words += [f"({self.calibration})"] if self.calibration else []
        return " ".join(words).replace("/", ":")


@dataclass(frozen=True)
class Cache:
    """Records by table, label and fold, below a folder."""

    folder: Path

    def path(self, table, label, fold):
        return self.folder / table / label / f"{fold}.json"

    def get(self, table, label, fold):
        path = self.path(table, label, fold)
        return json.loads(path.read_text()) if path.exists() else None

    def put(self, table, label, fold, record):
        """Write the whole file or none, so that a run can be stopped at any time."""
        path = self.path(table, label, fold)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(record) + "\n")
        draft.replace(path)
