"""Waiting in the triggerer: for the end of a run, and for room to start one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_apify.api.actor_run import ActorRun, run_page
from airflow_provider_apify.api.errors import ApifyError
from airflow_provider_apify.api.flow import drive_async
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.runs.abort_and_resurrect import abort_run, describe_abort
from airflow_provider_apify.runs.not_yet_visible import VISIBLE_AFTER
from airflow_provider_apify.runs.outage_budget import WaitEnd
from airflow_provider_apify.runs.stop_or_shutdown import (
    AIRFLOW_CALLS_ON_KILL,
    StopReason,
    reason_in_triggerer,
)
from airflow_provider_apify.runs.wait import Outcome, StatusLog, WaitPlan, wait_for_end

# An event that comes before the scheduler has seen the end of the deferring process can fail the task
# (apache/airflow issues 67287, 72716).
_FIRST_POLL_AFTER = 5.0

# The triggerer cancels a trigger every second until it is gone; an abort must outlive that.
_aborts: set[asyncio.Task[None]] = set()


class ApifyRunTrigger(BaseTrigger):
    """
    Waits for the end of a run; its one event is the outcome of the wait.

    :param abort_at: when `execution_timeout` passes, in seconds since the epoch.
    :param give_up_at: when to stop waiting and let the run go on, in seconds since the epoch.
    :param ignored: arguments of other versions of this trigger, for rolling upgrades.
    """

    def __init__(
        self,
        run_id: str,
        apify_conn_id: str,
        abort_at: float | None = None,
        give_up_at: float | None = None,
        cancel_on_kill: bool = False,
        abort_gracefully: bool = False,
        **ignored: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run_id = run_id
        self.apify_conn_id = apify_conn_id
        self.abort_at = abort_at
        self.give_up_at = give_up_at
        self.cancel_on_kill = cancel_on_kill
        self.abort_gracefully = abort_gracefully
        self._hook = ApifyHook(apify_conn_id)
        self._fired = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments that make this trigger again."""
        names = ("run_id", "apify_conn_id", "abort_at", "give_up_at", "cancel_on_kill", "abort_gracefully")
        arguments = {name: getattr(self, name) for name in names}
        return "airflow_provider_apify.triggers.run.ApifyRunTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        try:
            outcome = await self._wait()
        except asyncio.CancelledError:
            if not AIRFLOW_CALLS_ON_KILL:
                await self.on_kill()
            raise
        self._fired = True
        yield TriggerEvent(outcome.to_event())  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Abort the run if the user killed the task."""
        if self._fired or not self.cancel_on_kill:
            return
        task = asyncio.ensure_future(self._abort_if_killed())
        _aborts.add(task)
        task.add_done_callback(_aborts.discard)
        await asyncio.shield(task)

    async def _wait(self) -> Outcome:
        await asyncio.sleep(_FIRST_POLL_AFTER)
        try:
            endpoint = await self._hook.async_endpoint()
            plan = WaitPlan(self.run_id, endpoint.long_poll, self.abort_at, self.give_up_at)
            async with self._hook.async_client() as client:
                outcome = await drive_async(wait_for_end(plan, StatusLog(self.log)), client.send)
        except ApifyError as error:
            return Outcome(WaitEnd.REFUSED, self.run_id, message=str(error))
        if outcome.end is WaitEnd.ABORT_DUE and self.cancel_on_kill:
            # Not left to the worker: none may be free, and Airflow 2 fails an overdue task without asking us.
            return replace(outcome, run=await self._abort())
        return outcome

    async def _abort_if_killed(self) -> None:
        # A cancelled trigger need not mean a user: a triggerer that stops, or that was taken for dead and
        # lost its triggers to another, is cancelled likewise, and then the task is still deferred.
        ti = self.task_instance
        reason = StopReason.STOPPED if ti is None else await sync_to_async(reason_in_triggerer)(ti)
        if reason is StopReason.GOES_ON:
            self.log.info("Nobody stopped the task; the run %s goes on.", self.run_id)
        elif reason is StopReason.UNKNOWN:
            self.log.warning(
                "Airflow does not tell whether somebody stopped the task. The run %s is left as it is and "
                "may be going on: %s",
                self.run_id,
                run_page(self.run_id),
            )
        elif run := await self._abort():
            self.log.info("The task was stopped by a user. %s", describe_abort(run))

    async def _abort(self) -> ActorRun | None:
        flow = abort_run(self.run_id, abort_gracefully=self.abort_gracefully, unknown_for=VISIBLE_AFTER)
        try:
            async with self._hook.async_client() as client:
                return await drive_async(flow, client.send)
        except ApifyError as error:
            page = run_page(self.run_id)
            self.log.error("The run could not be aborted and may be going on: %s (%s)", page, error)
            return None


class ApifyCapacityTrigger(BaseTrigger):
    """
    Lets some time pass before a start is tried again.

    Airflow's own time trigger would do, if `dag.test()` kept a deferral's arguments (apache/airflow 69942).

    :param retry_at: when to fire, in seconds since the epoch.
    :param event: payload of the event: what the task has to know then.
    """

    def __init__(self, retry_at: float, event: dict[str, Any], **ignored: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.retry_at = retry_at
        self.event = event

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments that make this trigger again."""
        arguments = {"retry_at": self.retry_at, "event": self.event}
        return "airflow_provider_apify.triggers.run.ApifyCapacityTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep, then fire once."""
        await asyncio.sleep(max(0.0, self.retry_at - time.time()))
        yield TriggerEvent(self.event)  # type: ignore[no-untyped-call]
