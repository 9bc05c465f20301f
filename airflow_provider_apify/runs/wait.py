"""Wait for a run's end by long polls: how often to ask, what outage to bear, when to stop, the outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import Any

from airflow_provider_apify.api import errors, retry
from airflow_provider_apify.api.actor_run import ActorRun, run_page
from airflow_provider_apify.api.flow import Flow, Pause, send_one
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.runs.actor_log import LIVE_INTERVAL, LogReader
from airflow_provider_apify.runs.final_cost_and_failure import await_final_figures
from airflow_provider_apify.runs.outage_budget import OutageBudget, WaitEnd

log = logging.getLogger(__name__)

# A server or proxy that answers a long poll at once must not make us ask it in a hot loop.
_POLL_FLOOR = 5.0
# How long the answer to a poll may take beyond what it was asked to take; a run object has a few kilobytes.
_POLL_GRACE = 20.0


def deadline(after: timedelta | float | None) -> float | None:
    """Return the time, in seconds since the epoch, that lies so long ahead; None for never."""
    if isinstance(after, timedelta):
        after = after.total_seconds()
    return None if after is None else time.time() + after


def overdue_text(argument: str, run_id: str) -> str:
    """Say that the time which an argument sets has passed, and what to do about the run, which goes on."""
    return (
        f"`{argument}` passed before the run {run_id} ended. It goes on at Apify, and costs money: "
        f"{run_page(run_id)} A retry of this task goes on with it. To wait longer, raise `{argument}`; to "
        "stop the run, abort it there or with AbortRunOperator."
    )


def aborted_text(run_id: str, status: str = "") -> str:
    """Say that a run was aborted as its task took too long, and what to do."""
    return (
        f"`execution_timeout` passed before the run {run_id} ended, so it is aborted"
        f"{status and f' ({status})'}: {run_page(run_id)} To give it more time, raise `execution_timeout`."
    )


@dataclass(frozen=True)
class Outcome:
    """How a wait ended."""

    end: WaitEnd
    run_id: str
    #: The finished run, or the one whose abort was due and has been asked for.
    run: ActorRun | None = None
    #: Why the wait ended without a finished run, for people.
    message: str = ""

    def to_event(self) -> dict[str, Any]:
        """Return the outcome as plain JSON."""
        run = self.run and self.run.info
        return {"end": str(self.end), "run_id": self.run_id, "run": run, "message": self.message}

    @classmethod
    def from_event(cls, event: Any) -> Outcome:
        """Read the result of :meth:`to_event`; raise :class:`ApifyError` if it is missing or not whole."""
        try:
            end, run = WaitEnd(event["end"]), event["run"]
            if end is WaitEnd.FINISHED and not ActorRun(run).is_finished:
                raise ValueError(run)
            return cls(end, event["run_id"], run and ActorRun(run), event["message"])
        except (KeyError, TypeError, ValueError) as error:
            raise errors.ApifyError(
                f"The trigger sent an event that says nothing certain about the run: {event!r:.300}. "
                "Look the run up in Apify Console; it may be going on."
            ) from error

    def finished_run(self) -> ActorRun:
        """Return the finished run; raise :class:`ApifyRunGoesOnError` if the wait stopped before its end."""
        if self.run is not None:
            return self.run
        if self.end is WaitEnd.UNKNOWN_RUN:
            raise errors.ApifyNotFoundError(
                f"There is no run {self.run_id} at Apify, or there is none any more.", status=404
            )
        if self.end in (WaitEnd.ABORT_DUE, WaitEnd.GIVE_UP_DUE):
            argument = "execution_timeout" if self.end is WaitEnd.ABORT_DUE else "wait_timeout"
            raise errors.ApifyWaitTimeoutError(overdue_text(argument, self.run_id), run_id=self.run_id)
        error = errors.ApifyOutageError if self.end is WaitEnd.OUTAGE else errors.ApifyRunGoesOnError
        raise error(
            f"{self.message} The run {self.run_id} was left as it is at Apify, and may be going on: "
            f"{run_page(self.run_id)} A retry of this task goes on with it.",
            run_id=self.run_id,
        )


@dataclass(frozen=True)
class WaitPlan:
    """What to wait for, and until when: seconds since the epoch, so that a restarted wait keeps them."""

    run_id: str
    #: Seconds to let the API hold an answer.
    long_poll: float
    #: When the run is to be aborted (`execution_timeout`).
    abort_at: float | None = None
    #: When to stop waiting and let the run go on (`wait_timeout`).
    give_up_at: float | None = None

    @property
    def until(self) -> float:
        """The earlier of the two times."""
        return min(self.abort_at or inf, self.give_up_at or inf)

    def overdue(self) -> Outcome:
        """Return the outcome of a wait that lasted until then."""
        end = WaitEnd.ABORT_DUE if self.until == self.abort_at else WaitEnd.GIVE_UP_DUE
        return Outcome(end, self.run_id)


@dataclass
class StatusLog:
    """Logs a run's status and status message whenever they change."""

    log: Any
    _last: tuple[str, str] | None = None

    def __call__(self, run: ActorRun) -> None:
        """Take note of an answer about the run."""
        news = (run.status, run.status_message)
        if news != self._last:
            self._last = news
            self.log.info("Run %s is %s. %s", run.id, *news)


def wait_for_end(
    plan: WaitPlan, on_update: Callable[[ActorRun], None], live_log: LogReader | None = None
) -> Flow[Outcome]:
    """
    Wait until a run is over, or the plan's time has passed; tell `on_update` every answer about the run.

    A `live_log` passes the Actor's log on meanwhile; Apify is asked more often then.
    """
    budget = OutageBudget()
    long_poll = min(plan.long_poll, LIVE_INTERVAL) if live_log else plan.long_poll
    while True:
        asked_at = time.time()
        hold = max(0.0, min(long_poll, plan.until - asked_at))
        try:
            call = get_run(plan.run_id, wait_for_finish=hold, max_attempts=1)
            run = yield from send_one(replace(call, give_up_after=hold + _POLL_GRACE))
        except errors.ApifyHttpError as error:
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
