"""How long trouble is borne while a run is awaited, and why a wait is over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_apify.api import errors
from airflow_provider_apify.runs.not_yet_visible import VISIBLE_AFTER

# How long the API may be away before a wait is given up, in seconds.
_OUTAGE_BUDGET = 15 * 60.0


class WaitEnd(StrEnum):
    """Why a wait is over."""

    FINISHED = "finished"
    ABORT_DUE = "abort_due"
    GIVE_UP_DUE = "give_up_due"
    OUTAGE = "outage"
    REFUSED = "refused"
    UNKNOWN_RUN = "unknown_run"


@dataclass
class OutageBudget:
    """Failures in a row, and since when; made anew after each success."""

    failures: int = 0
    outage_since: float | None = None
    unknown_since: float | None = None

    def record_failure(self, error: errors.ApifyHttpError, asked_at: float, now: float) -> WaitEnd | None:
        """Return why the wait is over, or None to go on; the times are seconds since the epoch."""
        self.failures += 1
        if isinstance(error, errors.ApifyNotFoundError):
            self.unknown_since = self.unknown_since or asked_at
            return WaitEnd.UNKNOWN_RUN if now - self.unknown_since >= VISIBLE_AFTER else None
        if isinstance(error, errors.ApifyApiError) and error.no_effect:
            # Known words of Apify: only a rate limit passes by itself.
            return None if error.transient else WaitEnd.REFUSED
        if isinstance(error, errors.ApifyLocalResourceError):
            # It passes when other waits of this process end.
            return None
        self.outage_since = self.outage_since or asked_at
        return WaitEnd.OUTAGE if now - self.outage_since >= _OUTAGE_BUDGET else None
