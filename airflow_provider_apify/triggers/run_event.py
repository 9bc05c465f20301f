"""
An asset event for every run that ends, wherever it was started.

What is used of Airflow: `BaseEventTrigger` (from 3.0), the shared stream of event triggers and the asset's
state store (from 3.3; without them each trigger watches alone, and from when it starts).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError:
    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

    raise AirflowOptionalProviderFeatureException("Event-driven scheduling needs Airflow 3.") from None

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import one_of, required_text, seconds, texts
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.flow import drive_async
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.runs.finished_runs_watermark import AccountWatch, Snapshot, Watermark

#: Key in the asset state store; a promise.
STORE_KEY = "apify_runs"

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer
else:
    try:
        from airflow.triggers.shared_stream import SharedStreamProducer
    except ImportError:  # before Airflow 3.3, where nothing is shared and nothing kept
        SharedStreamProducer = object


class ApifyRunEventTrigger(BaseEventTrigger):
    """
    An event for every run of an Actor, or of a saved task, that ends; for Airflow's `AssetWatcher`.

    The run info is the event's payload, in the `extra` of the asset event. All triggers of one connection and
    interval share one look at the account. From Airflow 3.3 on a watermark is kept in the asset's state
    store, moved only when Airflow has stored the events: what ends while no triggerer runs is told later, and
    nothing twice, unless a triggerer dies within seconds of an event. A new watcher begins with what ends
    from then on. Each end of a resurrected run counts, if a look sees the run going on or it was started
    within minutes of the account's newest run.

    :param actor_id: ID or `username/name` of the Actor, or
    :param actor_task_id: ID or `username/name` of the task at Apify.
    :param statuses: in which status, or statuses, a run counts; of `SUCCEEDED`, `FAILED`, `ABORTED`,
        `TIMED-OUT`.
    :param poke_interval: time between two looks, a timedelta or seconds, from a second to a day; a minute by
        default.
    :param apify_conn_id: the Airflow connection.
    :param queue: the queue of triggerers that watches, from Airflow 3.4 on; by default Airflow's own choice.
    :raises ApifyConfigurationError: if an argument cannot be used; the DAG shows it as an import error.
    """

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        statuses: str | Sequence[str] = "SUCCEEDED",
        poke_interval: timedelta | float = 60,
        apify_conn_id: str = ApifyHook.default_conn_name,
        queue: str | None = None,
    ) -> None:
        if queue is not None and not hasattr(BaseEventTrigger, "queue"):
            raise ApifyConfigurationError("`queue` of an event trigger needs Airflow 3.4. Leave it out.")
        super().__init__(**({} if queue is None else {"queue": queue}))  # type: ignore[no-untyped-call]
        self._target = Target.either(actor_id=actor_id, actor_task_id=actor_task_id)
        statuses = texts("statuses", statuses)
        for status in statuses:
            one_of("statuses", status, Literal["SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT"])
        if not statuses:
            raise ApifyConfigurationError("`statuses` must name at least one status, such as SUCCEEDED.")
        self.statuses = statuses
        self.poke_interval = seconds("poke_interval", poke_interval, least=1, most=86_400, required=True)
        self.apify_conn_id = required_text("apify_conn_id", apify_conn_id)
        #: Floor of the watermark in the store; None until what is known is stored.
        self._stored_floor: float | None = None

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
        watch = AccountWatch()
        failures = 0
        while True:
            pause = kwargs["poke_interval"]
            try:
                async with ApifyHook(kwargs["apify_conn_id"]).async_client() as client:
                    snapshot = await drive_async(watch.take_snapshot(), client.send)
            # Whatever it is, a connection that is edited or a metadata database that is away: it may pass.
            except Exception as error:
                failures += 1
                pause = max(pause, retry.delay(failures, error))
                log.warning("Could not look at Apify's runs; trying again in %.0f s. (%r)", pause, error)
            else:
                failures = 0
                yield snapshot
            await asyncio.sleep(pause)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Make Airflow tell when events are stored: only then their runs count as told."""
        return _Looks(kwargs)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Snapshot]
    ) -> AsyncIterator[TriggerEvent]:
        """Make events of the runs in a stream of snapshots that are this trigger's and new."""
        first: Snapshot | None = None
        watermark: Watermark | None = None
        target_id: str | None = None
        async for look in shared_stream:
            snapshot, first = look, first or look
            try:
                # Lists know no names of Actors and tasks.
                target_id = target_id or await self._target_id()
                if watermark is None:
                    watermark, missed = await self._resume(first)
                    snapshot = Snapshot([*missed, *snapshot.finished], snapshot.floor)
            except Exception as error:
                log.warning("Could not begin to watch Apify's runs; trying again. (%r)", error)
                continue
            ours = [run for run in snapshot.finished if run.data.get(self._target.run_key) == target_id]
            news = watermark.news(Snapshot(ours, snapshot.floor))
            for run in news:
                if run.status in self.statuses:
                    yield TriggerEvent(run.info)  # type: ignore[no-untyped-call]
            # A floor that sinks, of an old run that was resurrected, must be known after a restart.
            if news or self._stored_floor is None or watermark.floor < self._stored_floor:
                self._stored_floor = None
                look.when_stored.append(partial(self._store, watermark.to_json()))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch alone, on Airflow before 3.3."""
        _, kwargs = self.serialize()
        async for event in self.filter_shared_stream(self.open_shared_stream(kwargs)):
            yield event

    async def _target_id(self) -> str:
        async with ApifyHook(self.apify_conn_id).async_client() as client:
            return str((await client.send(self._target.get()))["id"])

    async def _resume(self, first: Snapshot) -> tuple[Watermark, list[Any]]:
        """Return how far an earlier trigger came, and what ended since."""
        stored = await self._stored()
        if not stored:
            return Watermark.after(first), []
        watermark = Watermark.from_json(stored)
        async with ApifyHook(self.apify_conn_id).async_client() as client:
            return watermark, (await drive_async(watermark.catch_up(self._target), client.send)).finished

    @property
    def _asset_store(self) -> Any:
        return getattr(self, "asset_state_store", None)

    async def _stored(self) -> Any:
        if self._asset_store is None:
            return None
        try:
            return await self._asset_store.aget(STORE_KEY)
        except ValueError as error:
            # Airflow makes one trigger of equal ones, and its store then knows no asset to keep values for.
            self.asset_state_store = None
            log.warning(
                "Runs that end while no triggerer runs will not be told: several assets have one trigger. "
                "Schedule the DAGs on one asset, or give each asset's trigger another `poke_interval`. (%s)",
                error,
            )
            return None

    async def _store(self, watermark: dict[str, Any]) -> None:
        if self._asset_store is not None:
            await self._asset_store.aset(STORE_KEY, watermark)
        self._stored_floor = watermark["floor"]


class _Looks(SharedStreamProducer):
    """The looks of one shared stream; Airflow tells when the events made of a look are in its database."""

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self._looks = ApifyRunEventTrigger.open_shared_stream(kwargs)

    async def open_stream(self) -> AsyncIterator[tuple[Snapshot, Snapshot]]:
        async for look in self._looks:
            yield look, look

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        for look, outcome in batch:
            for store in look.when_stored if outcome.is_clean else ():
                try:
                    await store()
                except Exception as error:
                    log.warning("Could not store which runs were told; trying again. (%r)", error)
