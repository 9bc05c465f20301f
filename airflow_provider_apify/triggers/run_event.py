"""
An asset event for every run that ends, wherever it was started.

What is used of Airflow: `BaseEventTrigger` (from 3.0), the shared stream of event triggers and the asset's
state store (from 3.3; without them each trigger watches alone, and from when it starts).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Sequence
from typing import Any, Literal

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError:
    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

    raise AirflowOptionalProviderFeatureException("Event-driven scheduling needs Airflow 3.") from None

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import one_of
from airflow_provider_apify.api.errors import ApifyError
from airflow_provider_apify.api.flow import drive_async
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.runs.finished_runs_watermark import AccountWatch, Snapshot, Watermark

#: Key in the asset state store; a promise.
STORE_KEY = "apify_runs"

# Airflow takes about a second to store an event. Until then its run must not count as told.
_STORED_AFTER = 5.0

log = logging.getLogger(__name__)


class ApifyRunEventTrigger(BaseEventTrigger):
    """
    An event for every run of an Actor, or of a saved task, that ends; for Airflow's `AssetWatcher`.

    The run info is the event's payload, in the `extra` of the asset event. All triggers of one connection and
    interval share one look at the account. From Airflow 3.3 on a watermark is kept in the asset's state
    store: what ends while no triggerer runs is told later, and nothing twice, unless a triggerer dies within
    seconds of an event. A new watcher begins with what ends from then on.

    :param actor_id: ID or `username/name` of the Actor, or
    :param actor_task_id: ID or `username/name` of the task at Apify.
    :param statuses: in which status, or statuses, a run counts; of `SUCCEEDED`, `FAILED`, `ABORTED`,
        `TIMED-OUT`.
    :param poke_interval: seconds between two looks.
    :param apify_conn_id: the Airflow connection.
    :raises ApifyConfigurationError: if an argument cannot be used; the DAG shows it as an import error.
    """

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        statuses: str | Sequence[str] = "SUCCEEDED",
        poke_interval: float = 60,
        apify_conn_id: str = ApifyHook.default_conn_name,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._target = Target.either(actor_id=actor_id, actor_task_id=actor_task_id)
        statuses = [statuses] if isinstance(statuses, str) else statuses
        for status in statuses:
            one_of("statuses", status, Literal["SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT"])
        self.statuses = statuses
        self.poke_interval = poke_interval
        self.apify_conn_id = apify_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments that make this trigger again, and tell it from others."""
        arguments = {
            **self._target.ids,
            "statuses": [str(status) for status in self.statuses],
            "poke_interval": self.poke_interval,
            "apify_conn_id": self.apify_conn_id,
        }
        return "airflow_provider_apify.triggers.run_event.ApifyRunEventTrigger", arguments

    def shared_stream_key(self) -> Hashable:
        """Return the key that all triggers share which share one look at the account."""
        return ("airflow_provider_apify", self.apify_conn_id, self.poke_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Snapshot]:
        """Look at the account, again and again; the log tells of trouble, which never ends the stream."""
        watch = AccountWatch(Watermark.now().floor)
        failures = 0
        while True:
            pause = kwargs["poke_interval"]
            try:
                async with ApifyHook(kwargs["apify_conn_id"]).async_client() as client:
                    snapshot = await drive_async(watch.take_snapshot(), client.send)
            except ApifyError as error:
                failures += 1
                pause = max(pause, retry.delay(failures, error))
                log.warning("Could not look at Apify's runs; trying again in %.0f s. (%s)", pause, error)
            else:
                failures = 0
                yield snapshot
            await asyncio.sleep(pause)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Snapshot]
    ) -> AsyncIterator[TriggerEvent]:
        """Make events of the runs in a stream of snapshots that are this trigger's and new."""
        watermark: Watermark | None = None
        target_id: str | None = None
        async for snapshot in shared_stream:
            try:
                # Lists know no names of Actors and tasks.
                target_id = target_id or await self._target_id()
                if watermark is None:
                    watermark, missed = await self._resume()
                    snapshot = Snapshot([*missed, *snapshot.finished], snapshot.floor)
                    await self._store(watermark)
            except ApifyError as error:
                log.warning("Could not begin to watch Apify's runs; trying again. (%s)", error)
                continue
            ours = [run for run in snapshot.finished if run.data.get(self._target.run_key) == target_id]
            news = watermark.news(Snapshot(ours, snapshot.floor))
            for run in news:
                if run.status in self.statuses:
                    yield TriggerEvent(run.info)  # type: ignore[no-untyped-call]
            if news:
                await asyncio.sleep(_STORED_AFTER)
                await self._store(watermark)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch alone, on Airflow before 3.3."""
        _, kwargs = self.serialize()
        async for event in self.filter_shared_stream(self.open_shared_stream(kwargs)):
            yield event

    async def _target_id(self) -> str:
        async with ApifyHook(self.apify_conn_id).async_client() as client:
            return str((await client.send(self._target.get()))["id"])

    async def _resume(self) -> tuple[Watermark, list[Any]]:
        """Return how far an earlier trigger came, and what ended since."""
        store = getattr(self, "asset_state_store", None)
        stored = await store.aget(STORE_KEY) if store is not None else None
        if not stored:
            return Watermark.now(), []
        watermark = Watermark.from_json(stored)
        async with ApifyHook(self.apify_conn_id).async_client() as client:
            return watermark, (await drive_async(watermark.catch_up(self._target), client.send)).finished

    async def _store(self, watermark: Watermark) -> None:
        store = getattr(self, "asset_state_store", None)
        if store is not None:
            await store.aset(STORE_KEY, watermark.to_json())
