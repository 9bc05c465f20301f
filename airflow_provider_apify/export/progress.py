"""How far an export is; told in the task's log every ten seconds."""

from __future__ import annotations

import time

_LOG_SECONDS = 10.0


class Progress:
    """Rows or records so far, their bytes, and the time they took."""

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self._started = self._logged = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the export began."""
        return time.monotonic() - self._started

    def add(self, count: int, size: int) -> bool:
        """Count more rows or records; return whether it is time to log again."""
        self.count += count
        self.size += size
        if time.monotonic() - self._logged < _LOG_SECONDS:
            return False
        self._logged = time.monotonic()
        return True

    def left(self, total: int) -> str:
        """Describe the rate, and the time until a total is reached."""
        seconds = max(0, total - self.count) * self.seconds / max(1, self.count)
        return f"{self.size / self.seconds / 1e6:.1f} MB/s; {seconds:.0f} s to go"

    def describe(self, what: str) -> str:
        """Describe the rows or records so far."""
        return f"{self.count:,} {what} ({self.size / 1e6:,.1f} MB) in {self.seconds:.1f} s"
