"""How many requests are sent at a time, unless told otherwise; loads nothing, for operators and the hook."""

from __future__ import annotations

DEFAULT_CONCURRENCY = 16
#: More threads than any machine has a use for.
MAX_CONCURRENCY = 1_000
