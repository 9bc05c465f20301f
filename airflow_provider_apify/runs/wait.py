"""Waiting for the end of a run by long polls: how often to ask, what outage to bear, when to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyHttpError, ApifyNotFoundError
from airflow_provider_apify.api.flow import Flow, Pause
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.runs.actor_log import LIVE_INTERVAL, LogReader
from airflow_provider_apify.runs.final_report import await_final_figures
from airflow_provider_apify.runs.outcome import Outcome, WaitEnd
from airflow_provider_apify.runs.visibility import VISIBLE_AFTER

log = logging.getLogger(__name__)

# A server or proxy that answers a long poll at once must not make us ask it in a hot loop.
_POLL_FLOOR = 5.0
# How long the API may be away before a wait is given up, in seconds.
_OUTAGE_BUDGET = 15 * 60.0


def deadline(after: timedelta | float | None) -> float | None:
    """Return the time, in seconds since the epoch, that lies so long ahead; None for never."""
    if isinstance(after, timedelta):
        after = after.total_seconds()
    return None if after is None else time.time() + after


@dataclass(frozen=True)
class WaitPlan:
    """
    What to wait for, and until when. Times are seconds since the epoch, so that a restarted wait keeps them.

    :param long_poll: seconds to let the API hold an answer.
    :param abort_at: when the run is to be aborted (`execution_timeout`).
    :param give_up_at: when to stop waiting and let the run go on (`wait_timeout`).
    """

    run_id: str
    long_poll: float
    abort_at: float | None = None
    give_up_at: float | None = None

    @property
    def until(self) -> float:
        """The earlier of the two times."""
        return min(self.abort_at or inf, self.give_up_at or inf)

    def overdue(self) -> Outcome:
        """Return the outcome of a wait that lasted until then."""
        if self.until == self.abort_at:
            end, what = WaitEnd.ABORT_DUE, "`execution_timeout`"
        else:
            end, what = WaitEnd.GIVE_UP_DUE, "The time to wait"
        return Outcome(end, self.run_id, message=f"{what} passed before the run ended.")


class StatusLog:
    """Logs a run's status and status message whenever they change."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._last: tuple[str, str] | None = None

    def __call__(self, run: ActorRun) -> None:
        """Take note of an answer about the run."""
        news = (run.status, run.status_message)
        if news != self._last:
            self._last = news
            self._log.info("Run %s is %s. %s", run.id, *news)


@dataclass
class OutageBudget:
    """Failures in a row, and since when; made anew after each success."""

    failures: int = 0
    outage_since: float | None = None
    unknown_since: float | None = None

    def record_failure(self, error: ApifyHttpError, asked_at: float, now: float) -> WaitEnd | None:
        """Return why the wait is over, or None to go on; the times are seconds since the epoch."""
        self.failures += 1
        if retry.is_outage(error):
            self.outage_since = self.outage_since or asked_at
            return WaitEnd.OUTAGE if now - self.outage_since >= _OUTAGE_BUDGET else None
        if isinstance(error, ApifyNotFoundError):
            self.unknown_since = self.unknown_since or asked_at
            return WaitEnd.REFUSED if now - self.unknown_since >= VISIBLE_AFTER else None
        return None if retry.will_pass(error) else WaitEnd.REFUSED


def wait_for_end(
    plan: WaitPlan, on_update: Callable[[ActorRun], None], live_log: LogReader | None = None
) -> Flow[Outcome]:
    """
    Wait until a run is over, or the plan's time has passed.

    :param on_update: told of every answer about the run.
    :param live_log: passes the Actor's log on meanwhile; a look is taken more often then.
    """
    budget = OutageBudget()
    long_poll = min(plan.long_poll, LIVE_INTERVAL) if live_log else plan.long_poll
    while True:
        asked_at = time.time()
        hold = max(0.0, min(long_poll, plan.until - asked_at))
        try:
            run = yield get_run(plan.run_id, wait_for_finish=hold, max_attempts=1)
        except ApifyHttpError as error:
            if end := budget.record_failure(error, asked_at, time.time()):
                return Outcome(end, plan.run_id, message=f"The wait ended early: {error}")
            pause = retry.delay(budget.failures, error)
            log.warning("Could not ask about the run %s; next in %.1f s. (%s)", plan.run_id, pause, error)
        else:
            budget = OutageBudget()
            on_update(run)
            if run.is_finished:
                run = yield from await_final_figures(run, asked_at)
            if live_log:
                yield from live_log.read_on(at_end=run.is_finished)
            if run.is_finished:
                return Outcome(WaitEnd.FINISHED, plan.run_id, run)
            pause = _POLL_FLOOR - (time.time() - asked_at)
        left = plan.until - time.time()
        if left <= 0:
            return plan.overdue()
        if pause > 0:
            yield Pause(min(pause, left))
