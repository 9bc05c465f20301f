"""
How a run is started once, and found again.

Apify has no idempotency key for starting a run. So a start is announced in Airflow's task state store before
it is sent, is sent at most once unless it provably had no effect, and carries a fingerprint of the task
instance in its User-Agent, which Apify keeps with the run (`meta.userAgent`). Whoever comes later, in the
same try or in the next one, finds the run by its ID or by that fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pendulum

from airflow_provider_apify.api import retry
from airflow_provider_apify.runs import wait
from airflow_provider_apify.api.call import MAX_LIST_LIMIT, Call
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.api.errors import ApifyHttpError, ApifyNotFoundError, ApifyStartUncertainError
from airflow_provider_apify.api.flow import drive
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.runs.wait import MISSING_GRACE, WaitPlan
from airflow_provider_apify.hooks.apify import USER_AGENT, ApifyHook

#: Key in the task state store; a promise.
STORE_KEY = "apify_run"

# A run shows up in lists some time after its start. Whatever was started is taken to be visible after this.
_SETTLED_AFTER = timedelta(seconds=60)
# How far the clocks of a worker and of Apify may disagree.
_CLOCK_SKEW = timedelta(minutes=5)
# Each candidate costs a request: a list does not say who started a run.
_MAX_CANDIDATES = 2000


@dataclass(frozen=True)
class Fingerprint:
    """
    What a start says of the task instance that sent it.

    :param task_instance: the same for all tries, and new after a Clear.
    :param try_number: the try.
    """

    task_instance: str
    try_number: int

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Fingerprint:
        """
        Make the fingerprint of the running task instance.

        :param context: Airflow's task context.
        """
        ti = context["ti"]
        # `max_tries` stays as it is on a retry and grows on a Clear. The start of the DAG run tells
        # deployments apart that run the same DAG with the same run IDs in one Apify account.
        started = getattr(context.get("dag_run"), "start_date", None)
        started = started and started.timestamp()
        identity = [ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries, started]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        return cls(digest[:20], ti.try_number)

    @property
    def user_agent(self) -> str:
        """The User-Agent of a start."""
        return f"{USER_AGENT} airflow-task-instance/{self.task_instance}.{self.try_number}"

    def try_of(self, run: ActorRun) -> int | None:
        """
        Return in which try this task instance started a run; None if somebody else did.

        :param run: a run that says who started it.
        """
        match = re.search(r"airflow-task-instance/([0-9a-f]+)\.(\d+)", run.user_agent or "")
        return int(match[2]) if match and match[1] == self.task_instance else None


@dataclass(frozen=True)
class Intent:
    """
    What the task state store holds: that a start was about to be sent and, once known, which run it made.

    :param fingerprint: what the start said.
    :param max_tries: that of the task instance, to tell a retry from a Clear.
    :param at: when it was about to be sent or, once the run is known, when that was learnt.
    :param run_id: the run.
    """

    fingerprint: Fingerprint
    max_tries: int
    at: datetime
    run_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "task_instance": self.fingerprint.task_instance,
            "try_number": self.fingerprint.try_number,
            "max_tries": self.max_tries,
            "at": self.at.isoformat(),
            "run_id": self.run_id,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Intent:
        """
        Read what :meth:`to_json` made.

        :param value: what the store holds.
        """
        return cls(
            Fingerprint(value["task_instance"], value["try_number"]),
            value["max_tries"],
            datetime.fromisoformat(value["at"]),
            value["run_id"],
        )


class RunStarter:
    """
    Starts the run of one task instance, or finds the one that it started before.

    :param hook: sends the calls.
    :param start: makes the call that starts the run, with the request headers given.
    :param list_runs: makes the call that lists the runs among which it would be.
    :param check: asked before a new run is started; raises to refuse it.
    :param context: Airflow's task context.
    :param log: where to tell what was decided.
    :param durable: look for an earlier run at all.
    :param on_retry: what to do after an earlier run without success: start a "new" one, or "resurrect" it.
    :param abort_cleared: abort a run that is still going on from before the task was cleared.
    :param abort_gracefully: when aborting, let the Actor save its state first.
    """

    def __init__(
        self,
        *,
        hook: ApifyHook,
        start: Callable[[Mapping[str, str]], Call[ActorRun]],
        list_runs: Callable[..., Call[list[ActorRun]]],
        check: Callable[[], None],
        context: Mapping[str, Any],
        log: Any,
        durable: bool,
        on_retry: str,
        abort_cleared: bool,
        abort_gracefully: bool,
    ) -> None:
        self._hook = hook
        self._send = hook.send
        self._start_call = start
        self._list_runs = list_runs
        self._check = check
        self._context = context
        self._log = log
        self._durable = durable
        self._on_retry = on_retry
        self._abort_cleared = abort_cleared
        self._abort_gracefully = abort_gracefully
        self._store = context.get("task_state_store") if durable else None
        self._max_tries = int(context["ti"].max_tries)
        self._foreign: set[str] = set()
        self._run_id: str | None = None
        self._pending: Intent | None = None
        self._killed = False

    def obtain(self) -> ActorRun:
        """
        Return the run of this task instance: one that was started before, or a new one.

        :raises ApifyConfigurationError: if the run cannot be started as asked; nothing was sent.
        :raises ApifyApiError: if Apify refuses; nothing was started.
        :raises ApifyStartUncertainError: if it cannot be told whether a run was started.
        """
        fingerprint = Fingerprint.of(self._context)
        call = self._start_call({"User-Agent": fingerprint.user_agent})
        known = self._find() if self._durable else None
        if known is None:
            return self._start(call, fingerprint)
        if known.is_ending:
            self._log.info("Waiting for the end of the run %s, which is %s.", known.id, known.status)
            known = self._hook.wait(WaitPlan(known.id, self._hook.endpoint.long_poll)).finished_run()
        if known.succeeded or not known.is_finished:
            self._log.info("Going on with the run %s of an earlier try (%s).", known.id, known.status)
            return self._obtained(known)
        if self._on_retry == "resurrect":
            self._log.info("Resurrecting the run %s, which ended as %s.", known.id, known.status)
            return self._obtained(drive(waiting.resurrect(known.id), self._send))
        self._log.info(
            "The run %s of an earlier try ended as %s; starting a new one.", known.id, known.status
        )
        return self._start(call, fingerprint)

    def kill(self) -> None:
        """Abort the run, or the one being started. May interrupt :meth:`obtain`, as a signal handler."""
        self._killed = True
        # The interrupted code may hold the locks of its own client.
        send = Client(self._hook.endpoint).send
        run_id = self._run_id
        if run_id is None and self._pending is not None:
            found, _ = self._scan(send, self._pending.fingerprint, since=self._pending.at, any_try=False)
            run_id = found.id if found else None
        if run_id is not None:
            abort = waiting.abort(run_id, gracefully=self._abort_gracefully, missing_for=MISSING_GRACE)
            run = drive(abort, send)
            self._log.info("Aborted the run %s (%s).", run.id, run.status)

    def _find(self) -> ActorRun | None:
        """Return the run that an earlier try of this task instance started, in whatever state it is."""
        intent = self._saved()
        if intent is None:
            without_store = self._store is None and self._context["ti"].try_number > 1
            return self._search_without_store() if without_store else None
        if intent.max_tries != self._max_tries:
            if self._abort_cleared:
                self._abort_run_before_clear(intent)
            return None
        if intent.run_id:
            return self._get(intent.run_id, intent.at)
        return self._search(
            intent.fingerprint, since=intent.at, sent_by=self._context["ti"].start_date, any_try=False
        )

    def _abort_run_before_clear(self, intent: Intent) -> None:
        """Abort what a Clear left behind, should the triggerer not have come to it or have died."""
        if intent.run_id:
            run = self._get(intent.run_id, intent.at)
        else:
            run, _ = self._scan(self._send, intent.fingerprint, since=intent.at, any_try=False)
        if run is not None and not run.is_finished and not run.is_ending:
            self._log.info("Aborting the run %s, which was started before the task was cleared.", run.id)
            drive(waiting.abort(run.id, gracefully=self._abort_gracefully), self._send)

    def _start(self, call: Call[ActorRun], fingerprint: Fingerprint) -> ActorRun:
        """Start a run; after a lost answer, find it."""
        self._check()
        intent = Intent(fingerprint, self._max_tries, _now())
        self._save(intent)
        self._pending = intent
        try:
            run: ActorRun = self._send(call)
        except ApifyHttpError as error:
            if not policy.may_have_had_effect(error):
                self._forget()
                raise
            run = self._recover(intent, error)
        self._save(replace(intent, run_id=run.id, at=_now()))
        return self._obtained(run)

    def _obtained(self, run: ActorRun) -> ActorRun:
        self._run_id, self._pending = run.id, None
        if self._killed:
            # The kill came between the request and its answer, when there was no run to abort yet.
            self.kill()
        return run

    def _recover(self, intent: Intent, error: ApifyHttpError) -> ActorRun:
        self._log.warning("The answer to the start was lost. Looking for the run. (%s)", error)
        if not self._durable:
            raise ApifyStartUncertainError(
                f"The answer to the start was lost ({error}), and `durable=False` says not to look for it. "
                "Look in Apify Console whether one was started."
            ) from error
        try:
            run = self._search(intent.fingerprint, since=intent.at, sent_by=_now(), any_try=False)
        except ApifyHttpError as trouble:
            raise ApifyStartUncertainError(
                f"The answer to the start was lost ({error}), and Apify does not tell which runs there are "
                f"({trouble}): one may have been started and be going on. A retry of this task looks for it."
            ) from trouble
        if run is None:
            raise ApifyStartUncertainError(
                f"The answer to the start was lost ({error}), and no run of this try shows up: most likely "
                "none was started. A retry of this task looks once more, and then starts one."
            ) from error
        self._log.info("Found the run %s, which the lost answer was about.", run.id)
        return run

    def _saved(self) -> Intent | None:
        value = self._store.get(STORE_KEY) if self._store is not None else None
        return Intent.from_json(value) if value else None

    def _save(self, intent: Intent) -> None:
        if self._store is not None:
            self._store.set(STORE_KEY, intent.to_json())

    def _forget(self) -> None:
        self._pending = None
        if self._store is not None:
            self._store.delete(STORE_KEY)

    def _get(self, run_id: str, since: datetime) -> ActorRun | None:
        """Return a known run; one that is gone is None, one that is just not there yet is waited for."""
        missing_for = (since + _SETTLED_AFTER - _now()).total_seconds()
        try:
            return drive(waiting.known(get_run(run_id), missing_for=missing_for), self._send)
        except ApifyNotFoundError as error:
            self._log.warning("The run %s of an earlier try is gone. %s", run_id, error)
            return None

    def _search_without_store(self) -> ActorRun | None:
        """Look for the run of any earlier try: all that can be done before Airflow 3.3."""
        ti, dag_run = self._context["ti"], self._context.get("dag_run")
        since = getattr(dag_run, "start_date", None) or ti.start_date
        return self._search(Fingerprint.of(self._context), since=since, sent_by=ti.start_date, any_try=True)

    def _search(
        self,
        fingerprint: Fingerprint,
        *,
        since: datetime,
        sent_by: datetime,
        any_try: bool,
    ) -> ActorRun | None:
        """Look for a run, started between two times, until it is found or would have shown up."""
        attempt = 0
        while True:
            # An answer says what was visible when it was asked for, however late it comes.
            asked_at = _now()
            found, doubtful = self._scan(self._send, fingerprint, since=since, any_try=any_try)
            if found is not None and _is_last(found, fingerprint, any_try=any_try):
                return found
            if asked_at > sent_by + _SETTLED_AFTER:
                break
            attempt += 1
            time.sleep(policy.delay(attempt))
        if doubtful:
            raise ApifyStartUncertainError(
                "It cannot be told whether an earlier try of this task started a run: Apify does not say who "
                f"started {', '.join(doubtful)}. Look at them in Apify Console. To start a new run all the "
                f"same, {'clear this task or ' if self._store is not None else ''}set `durable=False`.",
                candidates=doubtful,
            )
        return found

    def _scan(
        self, send: Callable[[Call[Any]], Any], fingerprint: Fingerprint, *, since: datetime, any_try: bool
    ) -> tuple[ActorRun | None, list[str]]:
        """Look at the runs since then, newest first, for ours; return it, and those that cannot be told."""
        doubtful: list[str] = []
        since -= _CLOCK_SKEW
        for offset in range(0, _MAX_CANDIDATES, MAX_LIST_LIMIT):
            runs = send(self._list_runs(started_after=since, offset=offset))
            for run in runs:
                # Apify does not document the time filter for the runs of a task.
                if run.started_at < since:
                    return None, doubtful
                if run.id in self._foreign:
                    continue
                candidate = run if run.user_agent else _full_run(send, run)
                if candidate.user_agent is None:
                    # Ours are started over the API; a schedule's or a person's need not say who they are.
                    if candidate.origin in (None, "API"):
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


def _full_run(send: Callable[[Call[Any]], Any], listed: ActorRun) -> ActorRun:
    try:
        run: ActorRun = send(get_run(listed.id))
    except ApifyNotFoundError:
        return listed
    return run


def _now() -> datetime:
    return pendulum.from_timestamp(time.time())
