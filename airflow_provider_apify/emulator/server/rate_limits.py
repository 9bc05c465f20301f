"""Rate limits: how many requests a second the API allows on one resource."""

from __future__ import annotations

import re
import threading
import time

from airflow_provider_apify.emulator.platform.api_errors import ApiError

DEFAULT = 60
RECORDS = 200
BUSY = 400
_RECORD = re.compile(r".*/(key-value-stores/[^/]+|key-value-store)/records/[^/]+")
_BUSY = re.compile(
    r".*/(actors|actor-tasks)/[^/]+/(runs|run-sync|run-sync-get-dataset-items)|.*/metamorph|.*/items"
)
_QUEUE_REQUESTS = re.compile(r".*/(request-queues/[^/]+|request-queue)/requests(/[^/]+)?")


def limit_of(method: str, path: str) -> int:
    """Return the limit for an operation."""
    if _RECORD.fullmatch(path):
        return RECORDS
    if (method == "POST" and _BUSY.fullmatch(path)) or _QUEUE_REQUESTS.fullmatch(path):
        return BUSY
    return DEFAULT


class RateLimiter:
    """Counts of the requests to each resource in windows of one real second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[tuple[str, ...], int] = {}

    def count(self, method: str, path: str) -> None:
        """Count a request and refuse it if it is above the limit."""
        limit = limit_of(method, path)
        resource = (str(limit), *path.split("/")[2:4])
        with self._lock:
            window = int(time.monotonic())
            if window != self._window:
                self._window = window
                self._counts.clear()
            self._counts[resource] = self._counts.get(resource, 0) + 1
            if self._counts[resource] > limit:
                raise ApiError(
                    429,
                    "rate-limit-exceeded",
                    f"You have exceeded the rate limit of {limit} requests per second",
                )
