"""
Results on their way out of Apify: which rows to ask for, how to lay them out, where to put them.

Operators and the hook import from here when they start to work: DAG files pay for every import.
"""

#: Requests at a time, unless told otherwise.
from __future__ import annotations

DEFAULT_CONCURRENCY = 16
