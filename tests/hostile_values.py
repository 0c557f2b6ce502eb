"""Values that a parameter may be given by mistake, or by malice."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import torch


class Anything:
    """An object that is no number, no string and no array."""


# Made afresh for every call: a generator is used up, an array may be written to.
HOSTILE = {
    "None": lambda: None,
    "True": lambda: True,
    "numpy bool": lambda: np.bool_(True),
    "minus one": lambda: -1,
    "zero": lambda: 0,
    "one": lambda: 1,
    "one and a half": lambda: 1.5,
    "numpy one": lambda: np.int64(1),
    "nan": lambda: float("nan"),
    "float32 nan": lambda: np.float32("nan"),
    "inf": lambda: float("inf"),
    "minus inf": lambda: float("-inf"),
    "huge": lambda: 1e308,
    "denormal": lambda: 5e-324,
    "long integer": lambda: -(10**30),
    "very long integer": lambda: 10**400,
    "complex": lambda: 1 + 2j,
    "Decimal": lambda: Decimal("0.5"),
    "Fraction": lambda: Fraction(1, 2),
    "NA": lambda: pd.NA,
    "NaT": lambda: pd.NaT,
    "date": lambda: np.datetime64("2020-01-01"),
    "word": lambda: "bogus",
    "no word": lambda: "",
    "word of nan": lambda: "nan",
    "null character": lambda: "a\0b",
    "long word": lambda: "x" * 100_000,
    "bytes": lambda: b"auto",
    "empty list": list,
    "empty tuple": tuple,
    "empty dict": dict,
    "dict": lambda: {"x": 1},
    "set": lambda: {1},
    "range": lambda: range(3),
    "ragged list": lambda: [[1], [1, 2]],
    "list of None": lambda: [None, None, None],
    "negative list": lambda: [-1, -1, -1],
    "list of bool": lambda: [True, True, True],
    "list of float": lambda: [1.0, 1.0, 1.0],
    "scalar array": lambda: np.array(1),
    "array of nan": lambda: np.array([np.nan]),
    "array of str": lambda: np.array(["a"]),
    "square array": lambda: np.ones((2, 2)),
    "tensor": lambda: torch.ones(3),
    "tensor with a graph": lambda: torch.ones(3, requires_grad=True),
    "series": lambda: pd.Series([1, 1, 1]),
    "function": lambda: lambda *_args, **_options: None,
    "class": lambda: int,
    "object": Anything,
    "generator of numpy": lambda: np.random.default_rng(0),
}
