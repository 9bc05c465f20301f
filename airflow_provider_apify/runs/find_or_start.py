"""
How a run is started once, and found again.

Apify has no idempotency key for starting a run. So a start is announced in Airflow's task state store before
it is sent, is sent at most once unless it provably had no effect, and carries a fingerprint of the task
instance in its User-Agent, which Apify keeps with the run (`meta.userAgent`). Whoever comes later, in the
same try or in the next one, finds the run by its ID or by that fingerprint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import pendulum

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun, run_page
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.errors import (
    ApifyError,
    ApifyHttpError,
    ApifyNotFoundError,
    ApifyStartUncertainError,
)
from airflow_provider_apify.api.flow import Send, drive
from airflow_provider_apify.api.foreign_text import foreign_text
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.api.runs import RunRequest, get_run
from airflow_provider_apify.runs.abort_and_resurrect import abort_run, describe_abort, resurrect_run
from airflow_provider_apify.runs.best_effort import best_effort
from airflow_provider_apify.runs.find_by_fingerprint import RunSearch
from airflow_provider_apify.runs.not_yet_visible import VISIBLE_AFTER, retry_while_unknown
from airflow_provider_apify.runs.start_intent import Fingerprint, IntentStore, StartIntent, Superseded
from airflow_provider_apify.runs.wait import StatusLog, WaitPlan, wait_for_end

#: What to do when the run of an earlier try did not succeed.
OnRetry = Literal["new", "resurrect"]

_VISIBLE_AFTER = timedelta(seconds=VISIBLE_AFTER)
# How often, and after how many seconds each, a kill looks for a run whose start is under way: Airflow ends
# the process five seconds after it has told the task to stop.
_KILL_LOOKS = 3
_KILL_PAUSE = 0.5


@dataclass(eq=False, repr=False)
class RunStarter:
    """Starts the run of one task instance, or finds the one that it started before."""

    target: Target
    #: Makes and checks what is to be started; called once, and only if it is needed.
    make_request: Callable[[], RunRequest]
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
        self._fingerprint = Fingerprint.of(self.context)
        # What a kill has to abort: the run that is known, or the one that is being looked for or started.
        self._run_id: str | None = None
        self._search: RunSearch | None = None
        self._killed = False

    @cached_property
    def request(self) -> RunRequest:
        """What is to be started."""
        return self.make_request()

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
            self._run_id = known.id
            self._stop_if_killed()
            return self._adopt(drive(resurrect_run(known.id), self.client.send))
        self.log.info("The run %s of an earlier try ended as %s; starting a new one.", known.id, known.status)
        return self._start()

    @property
    def run_id(self) -> str | None:
        """ID of the run that goes on; None while it is not known."""
        return self._run_id

    def kill(self) -> None:
        """Abort the run, or the one being started; may interrupt anything, as a signal handler."""
        self._killed = True
        # The interrupted code may hold the locks of its own client.
        send = Client(self.client.endpoint).send
        run_id = self._run_id or self._look_for_run_to_kill(send)
        if run_id is None:
            if self._search is not None:
                self.log.warning(
                    "The task was stopped while a run was being started. No run shows up yet: one may be "
                    "going on all the same. Look at %s (%s).",
                    run_page(None),
                    self.target.path,
                )
            return
        self._abort(run_id, send, unknown_for=VISIBLE_AFTER)

    def _abort(self, run_id: str, send: Send, *, unknown_for: float = 0.0) -> None:
        abort = abort_run(run_id, abort_gracefully=self.abort_gracefully, unknown_for=unknown_for)
        self.log.info("%s", describe_abort(drive(abort, send)))

    def _look_for_run_to_kill(self, send: Send) -> str | None:
        if self._search is None:
            return None
        for attempt in range(_KILL_LOOKS):
            if attempt:
                time.sleep(_KILL_PAUSE)
            found, _ = self._search.look(send)
            if found is not None:
                return found.id
        return None

    def _stop_if_killed(self) -> None:
        """Send nothing that starts a run after a kill: Airflow 3 lets the task's code go on for a while."""
        if self._killed:
            raise ApifyError("The task was stopped before its run was started; nothing was started.")

    def _find(self) -> ActorRun | None:
        """Return the run that an earlier try of this task instance started, in whatever state it is."""
        intent, ti = self._intents.load(), self.context["ti"]
        if intent is None:
            if ti.try_number == 1:
                return None
            # Before Airflow 3.3 there is no store, after an upgrade it is empty: look for any earlier try.
            since = getattr(self.context.get("dag_run"), "start_date", None) or ti.start_date
            # With a store an empty one is rarely an upgrade, and that took longer than a run stays hidden.
            lag = VISIBLE_AFTER if self._intents else 0.0
            search = RunSearch(self.target, self._input, self._fingerprint, since, announced=False)
            return self._look(search, sent_by=ti.start_date.timestamp() - lag)
        if intent.fingerprint.task_instance != self._fingerprint.task_instance:
            if self.abort_cleared and intent.sent:
                self._abort_run_before_clear(intent)
            return None
        if not intent.sent:
            return None
        if intent.run_id:
            self._run_id = intent.run_id
            known = self._get(intent.run_id, intent.at)
            if known is None or known.is_finished:
                self._run_id = None
            return known
        return self._look(self._search_of(intent), sent_by=ti.start_date.timestamp())

    def _abort_run_before_clear(self, intent: StartIntent) -> None:
        """Abort what a Clear left behind, should the triggerer not have come to it or have died."""
        if intent.run_id:
            run = self._get(intent.run_id, intent.at)
        else:
            run, _ = self._search_of(intent).look(self.client.send)
        if run is not None and not run.is_finished and not run.is_ending:
            self.log.info("Aborting the run %s, which was started before the task was cleared.", run.id)
            self._abort(run.id, self.client.send)

    def _start(self) -> ActorRun:
        """Start a run; after a lost answer, find it."""
        request = self.request
        intent = StartIntent(self._fingerprint, _now())
        self._intents.save(intent)
        self._run_id = None
        self._stop_if_killed()
        self._search = search = self._search_of(intent)
        try:
            # The fingerprint comes first: what cuts a long header, cuts its end.
            user_agent = f"{intent.fingerprint} {self.client.endpoint.user_agent}"
            run = self.client.send(request.start(user_agent))
        except ApifyHttpError as error:
            if not retry.may_have_had_effect(error):
                self._search = None
                with best_effort(self.log, "to Airflow's task state store that nothing was started"):
                    self._intents.save(replace(intent, sent=False))
                raise
            run = self._recover(search, error)
        # Whatever comes next: nobody has to look for the run.
        self.log.info("Started the run %s: %s", run.id, run.console_url)
        try:
            self._intents.save(replace(intent, run_id=run.id, at=_now()))
        except Superseded:
            # The later try looked for this run before it was there, and nobody will look again.
            self.log.warning("A later try has started its own run; aborting the run %s.", run.id)
            self._abort(run.id, self.client.send, unknown_for=VISIBLE_AFTER)
            raise
        except Exception as error:
            # The run has been paid for; a retry finds it by its fingerprint.
            self.log.warning("Airflow's task state store does not take the run's ID. (%r)", error)
        self._check_fingerprint(run)
        return self._adopt(run)

    def _check_fingerprint(self, run: ActorRun) -> None:
        if self._fingerprint.try_of(run) is None:
            self.log.warning(
                "The start of the run %s did not reach Apify with its User-Agent but with %r. A proxy "
                "between this worker and Apify seems to change it, and a retry cannot find a run by it then: "
                "after a lost answer or a lost worker, a second run may be started. Let the header through.",
                run.id,
                foreign_text(run.user_agent),
            )

    def _adopt(self, run: ActorRun) -> ActorRun:
        self._run_id, self._search = run.id, None
        if self._killed:
            # The kill may have come between the request and its answer, when there was no run to abort yet.
            self.kill()
        return run

    def _recover(self, search: RunSearch, error: ApifyHttpError) -> ActorRun:
        lost = f"The answer to the start was lost ({error}), and"
        self.log.warning("The answer to the start was lost. Looking for the run. (%s)", error)
        if not self.durable:
            raise ApifyStartUncertainError(
                f"{lost} `durable=False` says not to look for the run. Look in Apify Console whether one was "
                "started."
            ) from error
        try:
            run = self._look(search, sent_by=time.time())
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

    def _search_of(self, intent: StartIntent) -> RunSearch:
        return RunSearch(self.target, self._input, intent.fingerprint, intent.at, announced=True)

    def _input(self) -> bytes | None:
        return self.request.body

    def _look(self, search: RunSearch, *, sent_by: float) -> ActorRun | None:
        self._search = search
        found = search.look_until_visible(self.client.send, sent_by=sent_by)
        self._run_id, self._search = found.id if found is not None and not found.is_finished else None, None
        return found


def _now() -> datetime:
    return pendulum.from_timestamp(time.time())
