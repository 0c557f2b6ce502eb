"""How much memory the temporaries of a step may take: one policy for the package.

Budgets are counts of float64 numbers. What a step makes for a row, a pair or a map is
counted by the step; how many of them it takes at a time is decided here.
"""

import numpy as np

# 1 MiB, the cache of one core: for short steps that are taken very often.
CORE = 2**17
# 8 MiB, what cores share: for passes over many rows, which find it there again.
CACHE = 2**20
# 32 MiB: for steps that are the slower the fewer rows they have.
STEP = 2**22
# 128 MiB: for the largest array of a batch, and what is kept from one to the next.
BATCH = 2**24

# Rows of a batch in prediction: fewer spend their time on starting operations, more on
# memory that the system hands out afresh.
_PREDICTION = 2**19
_FEWEST_ROWS, _MOST_ROWS = 64, 2**16


def at_once(elements: int, budget: int = STEP) -> int:
    """How many things of so many numbers each fit a budget, at least one."""
    return max(1, budget // max(1, elements))


def default_rows_per_batch(width: int) -> int:
    """Rows to predict at a time, whose temporaries have so many columns."""
    return int(np.clip(at_once(width, _PREDICTION), _FEWEST_ROWS, _MOST_ROWS))
