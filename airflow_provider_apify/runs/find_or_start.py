"""
How a run is started once, and found again.

Apify has no idempotency key for starting a run. So a start is announced in Airflow's task state store before
it is sent, is sent at most once unless it provably had no effect, and carries a fingerprint of the task
instance in its User-Agent, which Apify keeps with the run (`meta.userAgent`). Whoever comes later, in the
same try or in the next one, finds the run by its ID or by that fingerprint.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pendulum

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.call import MAX_LIST_LIMIT
from airflow_provider_apify.api.errors import ApifyHttpError, ApifyNotFoundError, ApifyStartUncertainError
from airflow_provider_apify.api.flow import Send, drive
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.api.runs import RunRequest, get_run, list_runs
from airflow_provider_apify.runs.abort_and_resurrect import abort_run, resurrect_run
from airflow_provider_apify.runs.not_yet_visible import VISIBLE_AFTER, retry_while_unknown
from airflow_provider_apify.runs.start_intent import Fingerprint, IntentStore, StartIntent
from airflow_provider_apify.runs.wait import StatusLog, WaitPlan, wait_for_end

#: What to do when the run of an earlier try did not succeed.
OnRetry = Literal["new", "resurrect"]

_VISIBLE_AFTER = timedelta(seconds=VISIBLE_AFTER)
# How far the clocks of a worker and of Apify may disagree.
_CLOCK_SKEW = timedelta(minutes=5)
# Each candidate costs a request: a list does not say who started a run.
_MAX_CANDIDATES = 2000


@dataclass(eq=False, repr=False)
class RunStarter:
    """Starts the run of one task instance, or finds the one that it started before."""

    request: RunRequest
    client: Client
    context: Mapping[str, Any]
    log: Any
    #: Look for an earlier run at all.
    durable: bool
    on_retry: OnRetry
    #: Abort a run that is still going on from before the task was cleared.
    abort_cleared: bool
    abort_gracefully: bool

    def __post_init__(self) -> None:
        self._intents = IntentStore(self.context if self.durable else {})
        self._max_tries = int(self.context["ti"].max_tries)
        self._foreign: set[str] = set()
        self._run_id: str | None = None
        self._pending: StartIntent | None = None
        self._killed = False

    def find_or_start(self) -> ActorRun:
        """Return the run of this task instance: one that was started before, or a new one."""
        known = self._find() if self.durable else None
        if known is None:
            return self._start()
        if known.is_ending:
            self.log.info("Waiting for the end of the run %s, which is %s.", known.id, known.status)
            plan = WaitPlan(known.id, self.client.endpoint.long_poll)
            known = drive(wait_for_end(plan, StatusLog(self.log)), self.client.send).finished_run()
        if known.succeeded or not known.is_finished:
            self.log.info("Going on with the run %s of an earlier try (%s).", known.id, known.status)
            return self._adopt(known)
        if self.on_retry == "resurrect":
            self.log.info("Resurrecting the run %s, which ended as %s.", known.id, known.status)
            return self._adopt(drive(resurrect_run(known.id), self.client.send))
        self.log.info("The run %s of an earlier try ended as %s; starting a new one.", known.id, known.status)
        return self._start()

    def kill(self) -> None:
        """Abort the run, or the one being started; may interrupt anything, as a signal handler."""
        self._killed = True
        # The interrupted code may hold the locks of its own client.
        send = Client(self.client.endpoint).send
        run_id = self._run_id
        if run_id is None and self._pending is not None:
            found, _ = self._scan(send, self._pending.fingerprint, since=self._pending.at)
            run_id = found.id if found else None
        if run_id is not None:
            abort = abort_run(run_id, gracefully=self.abort_gracefully, unknown_for=VISIBLE_AFTER)
            run = drive(abort, send)
            self.log.info("Aborted the run %s (%s).", run.id, run.status)

    def _find(self) -> ActorRun | None:
        """Return the run that an earlier try of this task instance started, in whatever state it is."""
        intent, ti = self._intents.load(), self.context["ti"]
        if intent is None:
            if self._intents or ti.try_number == 1:
                return None
            # All that can be done before Airflow 3.3: look for the run of any earlier try.
            since = getattr(self.context.get("dag_run"), "start_date", None) or ti.start_date
            return self._search(
                Fingerprint.of(self.context), since=since, sent_by=ti.start_date, any_try=True
            )
        if intent.max_tries != self._max_tries:
            if self.abort_cleared:
                self._abort_run_before_clear(intent)
            return None
        if intent.run_id:
            return self._get(intent.run_id, intent.at)
        return self._search(intent.fingerprint, since=intent.at, sent_by=ti.start_date)

    def _abort_run_before_clear(self, intent: StartIntent) -> None:
        """Abort what a Clear left behind, should the triggerer not have come to it or have died."""
        if intent.run_id:
            run = self._get(intent.run_id, intent.at)
        else:
            run, _ = self._scan(self.client.send, intent.fingerprint, since=intent.at)
        if run is not None and not run.is_finished and not run.is_ending:
            self.log.info("Aborting the run %s, which was started before the task was cleared.", run.id)
            drive(abort_run(run.id, gracefully=self.abort_gracefully), self.client.send)

    def _start(self) -> ActorRun:
        """Start a run; after a lost answer, find it."""
        intent = StartIntent(Fingerprint.of(self.context), self._max_tries, _now())
        self._intents.save(intent)
        self._pending = intent
        try:
            user_agent = f"{self.client.endpoint.user_agent} {intent.fingerprint}"
            run = self.client.send(self.request.start(user_agent))
        except ApifyHttpError as error:
            if not retry.may_have_had_effect(error):
                self._pending = None
                self._intents.forget()
                raise
            run = self._recover(intent, error)
        self._intents.save(replace(intent, run_id=run.id, at=_now()))
        return self._adopt(run)

    def _adopt(self, run: ActorRun) -> ActorRun:
        self._run_id, self._pending = run.id, None
        if self._killed:
            # The kill came between the request and its answer, when there was no run to abort yet.
            self.kill()
        return run

    def _recover(self, intent: StartIntent, error: ApifyHttpError) -> ActorRun:
        lost = f"The answer to the start was lost ({error}), and"
        self.log.warning("The answer to the start was lost. Looking for the run. (%s)", error)
        if not self.durable:
            raise ApifyStartUncertainError(
                f"{lost} `durable=False` says not to look for the run. Look in Apify Console whether one was "
                "started."
            ) from error
        try:
            run = self._search(intent.fingerprint, since=intent.at, sent_by=_now())
        except ApifyHttpError as trouble:
            raise ApifyStartUncertainError(
                f"{lost} Apify does not tell which runs there are ({trouble}): one may have been started and "
                "be going on. A retry of this task looks for it."
            ) from trouble
        if run is None:
            raise ApifyStartUncertainError(
                f"{lost} no run of this try shows up: most likely none was started. A retry of this task "
                "looks once more, and then starts one."
            ) from error
        self.log.info("Found the run %s, which the lost answer was about.", run.id)
        return run

    def _get(self, run_id: str, since: datetime) -> ActorRun | None:
        """Return a known run, or None if it is gone; wait for one that does not show up yet."""
        unknown_for = (since + _VISIBLE_AFTER - _now()).total_seconds()
        try:
            return drive(retry_while_unknown(get_run(run_id), unknown_for=unknown_for), self.client.send)
        except ApifyNotFoundError as error:
            self.log.warning("The run %s of an earlier try is gone. %s", run_id, error)
            return None

    def _search(
        self, fingerprint: Fingerprint, *, since: datetime, sent_by: datetime, any_try: bool = False
    ) -> ActorRun | None:
        """Look for a run, started between two times, until it is found or would have shown up."""
        attempt = 0
        while True:
            # An answer says what was visible when it was asked for, however late it comes.
            asked_at = _now()
            found, doubtful = self._scan(self.client.send, fingerprint, since=since, any_try=any_try)
            if found is not None and _is_last(found, fingerprint, any_try=any_try):
                return found
            if asked_at > sent_by + _VISIBLE_AFTER:
                break
            attempt += 1
            time.sleep(retry.delay(attempt))
        if doubtful:
            raise ApifyStartUncertainError(
                "It cannot be told whether an earlier try of this task started a run: Apify does not say who "
                f"started {', '.join(doubtful)}. Look at them in Apify Console. To start a new run all the "
                f"same, {'clear this task or ' if self._intents else ''}set `durable=False`.",
                candidates=doubtful,
            )
        return found

    def _scan(
        self, send: Send, fingerprint: Fingerprint, *, since: datetime, any_try: bool = False
    ) -> tuple[ActorRun | None, list[str]]:
        """Look at the runs since then, newest first, for ours; return it, and those that cannot be told."""
        doubtful: list[str] = []
        since -= _CLOCK_SKEW
        for offset in range(0, _MAX_CANDIDATES, MAX_LIST_LIMIT):
            runs = send(list_runs(**self.request.target.ids, started_after=since, offset=offset))
            for run in runs:
                # Apify does not document the time filter for the runs of a task.
                if run.started_at < since:
                    return None, doubtful
                if run.id in self._foreign:
                    continue
                candidate = run if run.user_agent else _full_run(send, run)
                if candidate.user_agent is None:
                    # Ours are started over the API; a schedule's or a person's need not say who they are.
                    if (candidate.data.get("meta") or {}).get("origin") in (None, "API"):
                        doubtful.append(run.id)
                    continue
                number = fingerprint.try_of(candidate)
                if number is not None and (any_try or number == fingerprint.try_number):
                    return candidate, doubtful
                self._foreign.add(run.id)
            if len(runs) < MAX_LIST_LIMIT:
                break
        else:
            doubtful.append(f"and more than {_MAX_CANDIDATES} others")
        return None, doubtful


def _is_last(run: ActorRun, fingerprint: Fingerprint, *, any_try: bool) -> bool:
    """
    Return whether a run that was found is the last one that its task instance started.

    A run without success may have been followed by one that does not show up yet; each try starts one at the
    most, and none while another goes on or after a success.
    """
    if not any_try or run.succeeded or not (run.is_finished or run.is_ending):
        return True
    return fingerprint.try_of(run) == fingerprint.try_number - 1


def _full_run(send: Send, listed: ActorRun) -> ActorRun:
    try:
        return send(get_run(listed.id))
    except ApifyNotFoundError:
        return listed


def _now() -> datetime:
    return pendulum.from_timestamp(time.time())
