"""
Rows and records on their way from Apify to files.

Operators and the hook import these modules when they start to work: DAG files pay for every import.
"""

from __future__ import annotations

#: Requests at a time, unless told otherwise.
DEFAULT_CONCURRENCY = 16
