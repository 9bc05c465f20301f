"""How the end of a run is awaited: the decisions; :mod:`.flows` carries them out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.runs import abort_run, get_run, resurrect_run
from airflow_provider_apify.api.errors import (
    ApifyApiError,
    ApifyError,
    ApifyHttpError,
    ApifyInputError,
    ApifyNotFoundError,
    ApifyOutageError,
    ApifyRunGoesOnError,
    ApifyWaitTimeoutError,
)
from airflow_provider_apify.api.flow import Flow, Pause
from airflow_provider_apify.api.run_options import RunOptions
from airflow_provider_apify.runs.actor_log import LogReader
from airflow_provider_apify.api.actor_run import ActorRun

log = logging.getLogger(__name__)

# A server or proxy that answers a long poll at once must not make us ask it in a hot loop.
_POLL_FLOOR = 5.0
# A run may be unknown to a lagging replica for a moment after its start.
MISSING_GRACE = 60.0
# How long after the end of a run its cost, its dataset's counts and its log may still change (API reference,
# "Actor runs": wait some ten seconds for final figures).
_SETTLED_AFTER = 10.0
#: How often to look, in seconds, where somebody is reading the Actor's log.
LOG_INTERVAL = 5.0
#: A run that ends this soon, in seconds, is waited for on the worker: a deferral would take longer.
QUICK = 5.0
#: How long the API may be away before we give up, in seconds.
OUTAGE_BUDGET = 15 * 60.0


def deadline(after: timedelta | float | None) -> float | None:
    """
    Return a time in seconds since the epoch.

    :param after: how long from now, as a timedelta or in seconds; None for never.
    """
    if isinstance(after, timedelta):
        after = after.total_seconds()
    return None if after is None else time.time() + after


@dataclass(frozen=True)
class WaitPlan:
    """
    What to wait for, and until when. Times are seconds since the epoch, so that a restarted wait keeps them.

    :param run_id: the run.
    :param long_poll: seconds to let the API hold an answer.
    :param abort_at: when the run is to be aborted (`execution_timeout`).
    :param give_up_at: when to stop waiting and let the run go on (`wait_timeout`).
    :param log_from: pass the Actor's log on, from this character; None for not at all.
    """

    run_id: str
    long_poll: float
    abort_at: float | None = None
    give_up_at: float | None = None
    log_from: int | None = None

    @property
    def until(self) -> float:
        """The earlier of the two times."""
        return min(self.abort_at or float("inf"), self.give_up_at or float("inf"))

    def overdue(self) -> tuple[WaitEnd, str]:
        """Return why a wait is over that lasted until then, and how to say it."""
        if self.until == self.abort_at:
            return WaitEnd.ABORT_DUE, "`execution_timeout` passed before the run ended."
        return WaitEnd.GIVE_UP_DUE, "The time to wait passed before the run ended."


class WaitEnd(StrEnum):
    """Why a wait is over."""

    FINISHED = "finished"
    ABORT_DUE = "abort_due"
    GIVE_UP_DUE = "give_up_due"
    OUTAGE = "outage"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """
    How a wait ended; goes from the triggerer to the worker as an event.

    :param end: why it is over.
    :param run_id: the run.
    :param run: the finished run, or the one whose abort was due and has been asked for.
    :param message: what stopped us, for people.
    :param log_position: where the next wait goes on in the Actor's log; None if it is not passed on.
    """

    end: WaitEnd
    run_id: str
    run: ActorRun | None = None
    message: str = ""
    log_position: int | None = None

    def to_event(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        run = self.run and self.run.info
        return {"end": str(self.end), "run_id": self.run_id, "run": run, "message": self.message}

    @classmethod
    def from_event(cls, event: Mapping[str, Any] | None) -> Outcome:
        """
        Read an event; nothing but a whole one is accepted.

        :param event: what the trigger sent.
        :raises ApifyError: if it is missing or not of this form.
        """
        try:
            assert event is not None
            end, run = WaitEnd(event["end"]), event["run"]
            if end is WaitEnd.FINISHED and not ActorRun(run).is_finished:
                raise ValueError(run)
            return cls(end, event["run_id"], run and ActorRun(run), event["message"])
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise ApifyError(
                f"The trigger sent an event that says nothing certain about the run: {event!r}. "
                "Look the run up in Apify Console; it may be going on."
            ) from error

    def finished_run(self) -> ActorRun:
        """
        Return the finished run, however it ended.

        :raises ApifyRunGoesOnError: if we stopped waiting before its end.
        """
        if self.run is None:
            message = f"{self.message} The run {self.run_id} was left as it is at Apify, and may be going on."
            raise _ERROR_BY_END[self.end](message, run_id=self.run_id)
        return self.run


_ERROR_BY_END = {
    WaitEnd.ABORT_DUE: ApifyWaitTimeoutError,
    WaitEnd.GIVE_UP_DUE: ApifyWaitTimeoutError,
    WaitEnd.OUTAGE: ApifyOutageError,
    WaitEnd.REFUSED: ApifyRunGoesOnError,
}


@dataclass
class Tolerance:
    """Failures in a row, and since when."""

    failures: int = 0
    outage_since: float | None = None
    missing_since: float | None = None

    def judge(self, error: ApifyHttpError, asked_at: float, now: float) -> WaitEnd | None:
        """
        Return why the wait is over, or None to go on.

        :param error: how the last call failed.
        :param asked_at: when it was sent, in seconds since the epoch.
        :param now: when it failed.
        """
        self.failures += 1
        if policy.is_outage(error):
            self.outage_since = self.outage_since or asked_at
            return WaitEnd.OUTAGE if now - self.outage_since >= OUTAGE_BUDGET else None
        if isinstance(error, ApifyNotFoundError):
            self.missing_since = self.missing_since or asked_at
            return WaitEnd.REFUSED if now - self.missing_since >= MISSING_GRACE else None
        return None if policy.will_pass(error) else WaitEnd.REFUSED


def wait_for_end(plan: WaitPlan, seen: Callable[[ActorRun], None]) -> Flow[Outcome]:
    """
    Decide what to do until a run is over: yields what to ask and when to sleep, returns the outcome.

    :param plan: what to wait for.
    :param seen: told of every answer about the run.
    """
    tolerance = Tolerance()
    reader = LogReader(plan.run_id, plan.log_from)

    def ended(end: WaitEnd, message: str = "", run: ActorRun | None = None) -> Outcome:
        return Outcome(end, plan.run_id, run, message, reader.position)

    while True:
        asked_at = time.time()
        hold = max(0.0, min(plan.long_poll, plan.until - asked_at))
        try:
            run = yield get_run(plan.run_id, wait_for_finish=hold, patience=1)
        except ApifyHttpError as error:
            if end := tolerance.judge(error, asked_at, time.time()):
                return ended(end, f"The wait ended early: {error}")
            pause = policy.delay(tolerance.failures, error)
            log.warning("Could not ask about the run %s; next in %.1f s. (%s)", plan.run_id, pause, error)
        else:
            tolerance = Tolerance()
            seen(run)
            if run.is_finished:
                run = yield from settle(run, asked_at)
            yield from reader.read_on(at_end=run.is_finished)
            if run.is_finished:
                return ended(WaitEnd.FINISHED, run=run)
            pause = _POLL_FLOOR - (time.time() - asked_at)
        left = plan.until - time.time()
        if left <= 0:
            return ended(*plan.overdue())
        if pause > 0:
            yield Pause(min(pause, left))


def known(call: Call[ActorRun], *, missing_for: float = MISSING_GRACE) -> Flow[ActorRun]:
    """
    Send a call about a run, again while Apify does not know the run yet.

    :param call: the call.
    :param missing_for: seconds after which a run that is not known does not exist.
    :raises ApifyNotFoundError: if so.
    """
    begun, attempt = time.time(), 0
    while True:
        # An answer says what was known when it was asked for, however late it comes.
        asked_at = time.time()
        try:
            run: ActorRun = yield call
            return run
        except ApifyNotFoundError as error:
            if asked_at - begun >= missing_for:
                raise
            attempt += 1
            pause = policy.delay(attempt)
            log.info("Looking for the run once more in %.1f s, should it be new. (%s)", pause, error)
        yield Pause(pause)


def settle(run: ActorRun, asked_at: float) -> Flow[ActorRun]:
    """
    Wait until the figures of a finished run are final, and return it with them.

    :param run: the run.
    :param asked_at: when Apify was asked for it, in seconds since the epoch.
    """
    ended_at = run.finished_at.timestamp() if run.finished_at else asked_at
    if asked_at >= ended_at + _SETTLED_AFTER:
        return run
    # Our clock need not agree with Apify's.
    yield Pause(min(max(0.0, ended_at + _SETTLED_AFTER - time.time()), _SETTLED_AFTER))
    try:
        settled: ActorRun = yield get_run(run.id, patience=2)
    except ApifyHttpError:
        return run
    # Whoever resurrected it meanwhile waits for another end.
    return settled if settled.is_finished else run


def abort(run_id: str, *, gracefully: bool = False, missing_for: float = 0.0) -> Flow[ActorRun]:
    """
    Stop a run; that it is over already is no error.

    :param run_id: the run.
    :param gracefully: let the Actor save its state first, for up to 30 s.
    :param missing_for: for how many seconds Apify may not know a run that was started a moment ago.
    :raises ApifyHttpError: if it could not be stopped and goes on.
    """
    try:
        run = yield from known(abort_run(run_id, gracefully=gracefully), missing_for=missing_for)
    except ApifyNotFoundError:
        raise
    except ApifyApiError:
        # Whether Apify refuses to abort a finished run, or ignores it, is not documented consistently.
        run = yield get_run(run_id)
        if not run.is_finished:
            raise
    return run


def resurrect(run_id: str, options: RunOptions | None = None) -> Flow[ActorRun]:
    """
    Let a finished run go on, with the storages that it has; that it goes on already is no error.

    Apify starts its container anew.

    :param run_id: the run.
    :param options: what is to be other than before; limits may only rise.
    :raises ApifyHttpError: if Apify refuses.
    """
    try:
        run: ActorRun = yield resurrect_run(run_id, options=options)
    except ApifyHttpError as error:
        # After a lost answer, here or in an earlier try, Apify refuses to resurrect what it did resurrect.
        if not (policy.may_have_had_effect(error) or isinstance(error, ApifyInputError)):
            raise
        run = yield get_run(run_id)
        if run.is_finished:
            raise
    return run
