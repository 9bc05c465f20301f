"""How long to wait while the account has no capacity for another run."""

from __future__ import annotations

import random

# In seconds: twice as long each time, up to the last.
_FIRST_CAPACITY_DELAY = 20.0
_LONGEST_CAPACITY_DELAY = 300.0


def capacity_delay(attempt: int) -> float:
    """Return how many seconds to wait before the start is tried again."""
    longest = min(_FIRST_CAPACITY_DELAY * 2.0 ** min(attempt - 1, 10), _LONGEST_CAPACITY_DELAY)
    # Spread: all the tasks of a DAG may be waiting for the same capacity.
    return longest * random.uniform(0.5, 1)  # noqa: S311
