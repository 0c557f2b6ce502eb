"""How many prototypes the data need: counts grown where held-out rows are lost."""

from sklearn_proto._growth._grow import Candidate, Trial, grow
from sklearn_proto._growth._path import PREFERENCES, PrototypePath

__all__ = ["PREFERENCES", "Candidate", "PrototypePath", "Trial", "grow"]
