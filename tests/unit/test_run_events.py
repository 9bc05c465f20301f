"""Events for runs that end, over HTTP against the emulator."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow import __version__ as airflow_version

if airflow_version < "3":
    pytest.skip("event-driven scheduling needs Airflow 3", allow_module_level=True)

import structlog

from airflow_provider_apify.api.call import Answer
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.runs import list_runs
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.triggers.run_event import ApifyRunEventTrigger
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

MINUTE, DAY = 60.0, 86_400.0


class AssetStore:
    """The state store of one asset, as triggers see it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.is_away = False

    async def aget(self, key: str, default: Any = None) -> Any:
        self.answer()
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key: str, value: Any) -> None:
        self.answer()
        self.values[key] = json.dumps(value)

    def answer(self) -> None:
        if self.is_away:
            raise OSError("the metadata database is away")


class Triggerer:
    """A triggerer with one watcher; a new one takes over from a dead one by what the store holds."""

    def __init__(self, store: AssetStore | None = None, **kwargs: Any) -> None:
        made = ApifyRunEventTrigger(**{"actor_id": "emulator/worker"} | kwargs)
        _, serialized = made.serialize()
        self.trigger = ApifyRunEventTrigger(**json.loads(json.dumps(serialized)))
        self.trigger.asset_state_store = store  # type: ignore[assignment]
        self.events: list[Any] = []
        self.looks = 0
        self.database_is_up = True
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Triggerer:
        self._task = asyncio.create_task(self._run())
        await self.look()
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        _, kwargs = self.trigger.serialize()
        if airflow_version < "3.3":
            stream: Any = self.trigger.open_shared_stream(kwargs)
        else:
            from airflow.triggers.shared_stream import SharedStreamManager

            manager = SharedStreamManager(log=structlog.get_logger(), ack_timeout=60)
            key = self.trigger.shared_stream_key()
            stream = manager.subscribe(trigger_id=1, trigger=self.trigger, key=key)
        try:
            async for event in self.trigger.filter_shared_stream(self._counted(stream)):
                self.events.append(event.payload)
                if airflow_version >= "3.3":
                    seq = manager.bind_pending_event(trigger_id=1, key=key)
                    if self.database_is_up and seq is not None:
                        manager.confirm_persisted([seq])
        finally:
            if airflow_version >= "3.3":
                await manager.stop_all()

    async def _counted(self, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for look in stream:
            yield look
            self.looks += 1

    async def look(self) -> list[str]:
        """Wait until it has looked at least once more; return the runs it told of."""
        enough = self.looks + 2
        task = self._task
        assert task is not None
        await until(lambda: self.looks >= enough or task.done())
        assert not task.done(), task
        return [event["id"] for event in self.events]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (another thread or the clock brings it about)
        await asyncio.sleep(0)


def run_to_its_end(emulator: Emulator, name: str = "emulator/worker", **order: Any) -> str:
    run_id = ApifyHook().start_actor_run(name, order).id
    emulator.clock.advance(order.get("seconds", 0))
    wait_until(lambda: emulator.platform.runs[run_id].is_finished)
    return run_id


async def test_each_run_that_ends_from_now_on_is_an_event(emulator: Emulator) -> None:
    run_to_its_end(emulator)
    emulator.clock.advance(MINUTE)
    async with Triggerer(AssetStore()) as triggerer:
        assert triggerer.events == []
        runs = []
        for _ in range(3):
            runs.append(run_to_its_end(emulator))
            assert await triggerer.look() == runs
    assert triggerer.events[0]["defaultDatasetId"]
    assert len(json.dumps(triggerer.events[0])) < 2_000


async def test_only_the_target_and_statuses_asked_for_are_events(emulator: Emulator) -> None:
    emulator.add_actor("emulator/other", function=lambda actor: None)
    async with (
        Triggerer(AssetStore()) as of_actor,
        Triggerer(AssetStore(), actor_id=None, actor_task_id="emulator/job") as of_task,
        Triggerer(AssetStore(), statuses=["FAILED", "ABORTED"]) as of_failures,
    ):
        run_to_its_end(emulator, "emulator/other")
        failed = run_to_its_end(emulator, fail=True)
        good = run_to_its_end(emulator)
        job = ApifyHook().start_task_run("emulator/job").id
        wait_until(lambda: emulator.platform.runs[job].is_finished)
        assert await of_actor.look() == [good, job]
        assert await of_task.look() == [job]
        assert await of_failures.look() == [failed]


async def test_a_long_run_beside_short_ones_is_an_event(emulator: Emulator) -> None:
    hook = ApifyHook()
    before = hook.start_actor_run("emulator/worker", {"seconds": 3 * DAY}).id
    async with Triggerer(AssetStore()) as triggerer:
        first = hook.start_actor_run("emulator/worker", {"seconds": 2 * DAY}).id
        short = run_to_its_end(emulator)
        assert await triggerer.look() == [short]
        emulator.clock.advance(2 * DAY)
        wait_until(lambda: emulator.platform.runs[first].is_finished)
        assert await triggerer.look() == [short, first]
        emulator.clock.advance(DAY)
        wait_until(lambda: emulator.platform.runs[before].is_finished)
        assert await triggerer.look() == [short, first, before]


@pytest.mark.parametrize("downtime", [DAY / 2, DAY])
async def test_a_restart_neither_loses_nor_doubles_an_event(emulator: Emulator, downtime: float) -> None:
    store = AssetStore()
    hook = ApifyHook()
    async with Triggerer(store) as first:
        long = hook.start_actor_run("emulator/worker", {"seconds": downtime / 2}).id
        longer = hook.start_actor_run("emulator/worker", {"seconds": downtime * 2}).id
        told = [run_to_its_end(emulator)]
        assert await first.look() == told
    missed = run_to_its_end(emulator)
    emulator.clock.advance(downtime)
    wait_until(lambda: emulator.platform.runs[long].is_finished)
    async with Triggerer(store) as second:
        assert sorted(await second.look()) == sorted([missed, long])
        emulator.clock.advance(downtime * 2)
        wait_until(lambda: emulator.platform.runs[longer].is_finished)
        assert sorted(await second.look()) == sorted([missed, long, longer])
    async with Triggerer(store) as third:
        assert await third.look() == []


async def test_more_runs_than_a_page_holds_are_events(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.runs.finished_runs_watermark.MAX_LIST_LIMIT", 4)
    store = AssetStore()
    async with Triggerer(store) as triggerer:
        runs = [run_to_its_end(emulator) for _ in range(11)]
        assert sorted(await triggerer.look()) == sorted(runs)
    missed = [run_to_its_end(emulator) for _ in range(9)]
    async with Triggerer(store) as triggerer:
        assert sorted(await triggerer.look()) == sorted(missed)


async def test_a_page_that_comes_again_and_again_ends_a_look(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("airflow_provider_apify.runs.finished_runs_watermark.MAX_LIST_LIMIT", 2)
    runs = [run_to_its_end(emulator) for _ in range(2)]
    page = Fault(path="/v2/actor-runs", query={"offset": None, "status": None, "startedAfter": None})
    async with Triggerer(AssetStore()) as triggerer:
        emulator.faults.add(page)
        await until(lambda: "no run that those before it did not have" in caplog.text)
        emulator.faults.clear()
        runs.append(run_to_its_end(emulator))
        assert await triggerer.look() == runs[2:]


#: A list of Apify with an entry that is no run.
NO_RUN = Fault(
    "answer",
    "GET",
    "/v2/actor-runs",
    status=200,
    body='{"data": {"items": [{"id": "a"}, null]}}',
    content_type="application/json",
)


@pytest.mark.parametrize("trouble", ["outage", "not HTTP", "no connection", "no run", "store away"])
async def test_trouble_does_not_end_the_watch(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    store = AssetStore()
    async with Triggerer(store) as triggerer:
        run_id = run_to_its_end(emulator)
        with monkeypatch.context() as patch:
            if trouble == "no connection":
                patch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")
            elif trouble == "store away":
                store.is_away = True
            elif trouble == "no run":
                emulator.faults.add(NO_RUN)
            elif trouble == "not HTTP":
                emulator.faults.add(Fault("refuse", "GET", "/v2/actor-runs"))
            else:
                emulator.faults.add(Fault("answer", "GET", "/v2/actor-runs", status=503))
            until_then = emulator.clock.time() + 20 * MINUTE
            await until(lambda: emulator.clock.time() > until_then)
        emulator.faults.clear()
        store.is_away = False
        assert await triggerer.look() == [run_id]
        await triggerer.look()
    async with Triggerer(store) as restarted:
        assert await restarted.look() == []


async def test_entries_that_are_no_runs_hide_no_run(emulator: Emulator, caplog: Any) -> None:
    start = {"id": "a", "actId": "a", "status": "RUNNING"}
    odd: list[Any] = [None, 5, [], {"id": "a"}, start, {**start, "startedAt": {"__type": "datetime"}}]
    odd += [{**start, "startedAt": time} for time in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "now")]
    odd += [{**start, "id": {"__type": "x"}}, {**start, "id": "a" * 10**6}]
    async with Triggerer(AssetStore()) as triggerer:
        runs = [run_to_its_end(emulator)]
        whole = ApifyHook().send(list_runs().read_as(Answer.data))
        body = json.dumps({"data": {**whole, "items": [*odd, *whole["items"]]}})
        fault = Fault("answer", "GET", "/v2/actor-runs", (), 200, body=body, content_type="application/json")
        emulator.faults.add(fault)
        assert await triggerer.look() == runs
        assert await triggerer.look() == runs
        emulator.faults.clear()
        runs.append(run_to_its_end(emulator))
        assert await triggerer.look() == runs
    assert caplog.text.count("they are left out") == 1


async def test_a_run_that_cannot_be_read_hides_no_other_one(emulator: Emulator) -> None:
    hook = ApifyHook()
    async with Triggerer(AssetStore()) as triggerer:
        odd = hook.start_actor_run("emulator/worker", {"seconds": DAY}).id
        await triggerer.look()
        emulator.clock.advance(DAY / 2)
        told = [run_to_its_end(emulator)]
        assert await triggerer.look() == told
        body, path = json.dumps({"data": {"id": odd, "status": ["x"]}}), f"/v2/actor-runs/{odd}"
        emulator.faults.add(Fault("answer", "GET", path, (), 200, body=body, content_type="application/json"))
        emulator.clock.advance(DAY)
        wait_until(lambda: emulator.platform.runs[odd].is_finished)
        told.append(run_to_its_end(emulator))
        assert await triggerer.look() == told
        emulator.faults.clear()
        assert await triggerer.look() == [*told, odd]


@pytest.mark.skipif(airflow_version < "3.3", reason="Airflow 3.3 confirms what it stored")
async def test_an_event_that_airflow_did_not_store_is_told_again(emulator: Emulator) -> None:
    store = AssetStore()
    async with Triggerer(store) as triggerer:
        stored = run_to_its_end(emulator)
        assert await triggerer.look() == [stored]
        triggerer.database_is_up = False
        lost = run_to_its_end(emulator)
        assert await triggerer.look() == [stored, lost]
        await triggerer.look()
    async with Triggerer(store) as restarted:
        assert await restarted.look() == [lost]


async def test_what_ends_before_the_watch_can_begin_is_an_event(emulator: Emulator) -> None:
    emulator.faults.add(Fault("answer", "GET", "/v2/actors/*", status=503))
    async with Triggerer(AssetStore()) as triggerer:
        run_id = run_to_its_end(emulator)
        await until(lambda: triggerer.looks >= 3)
        emulator.faults.clear()
        assert await triggerer.look() == [run_id]


async def test_each_end_of_a_resurrected_run_is_an_event(emulator: Emulator) -> None:
    async with Triggerer(AssetStore()) as triggerer:
        run_id = run_to_its_end(emulator)
        assert await triggerer.look() == [run_id]
        ApifyHook().resurrect_run(run_id)
        wait_until(lambda: emulator.platform.runs[run_id].is_finished)
        assert await triggerer.look() == [run_id, run_id]


async def test_an_old_run_that_is_seen_resurrected_is_an_event(emulator: Emulator) -> None:
    hook, store = ApifyHook(), AssetStore()
    run_id = run_to_its_end(emulator, seconds=DAY)
    emulator.clock.advance(DAY)
    run_to_its_end(emulator)

    def end() -> None:
        emulator.clock.advance(DAY)
        wait_until(lambda: emulator.platform.runs[run_id].is_finished)

    async with Triggerer(store) as triggerer:
        for ends in (1, 2):
            hook.resurrect_run(run_id)
            assert await triggerer.look() == [run_id] * (ends - 1)
            end()
            assert await triggerer.look() == [run_id] * ends
        hook.resurrect_run(run_id)
        await triggerer.look()
    end()
    async with Triggerer(store) as restarted:
        assert await restarted.look() == [run_id]


@pytest.mark.parametrize("skew", [-DAY, -MINUTE, MINUTE, DAY])
@pytest.mark.parametrize("is_first_run", [True, False])
async def test_the_clock_of_the_triggerer_does_not_matter(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, skew: float, is_first_run: bool
) -> None:
    monkeypatch.setattr(time, "time", lambda: emulator.clock.time() + skew)
    if not is_first_run:
        run_to_its_end(emulator)
        emulator.clock.advance(10 * MINUTE)
    store = AssetStore()
    async with Triggerer(store) as triggerer:
        run_ids = [run_to_its_end(emulator)]
        assert await triggerer.look() == run_ids
    missed = run_to_its_end(emulator)
    async with Triggerer(store) as restarted:
        assert await restarted.look() == [missed]


@pytest.mark.skipif(airflow_version < "3.3", reason="an asset's state store is Airflow 3.3's")
async def test_two_assets_with_the_same_trigger_are_watched(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.sdk import Asset
    from airflow.sdk.execution_time.context import AssetStateStoreAccessors

    store: Any = AssetStateStoreAccessors(inlets=[Asset("one"), Asset("two")])
    async with Triggerer(store) as triggerer:
        run_id = run_to_its_end(emulator)
        assert await triggerer.look() == [run_id]
    assert caplog.text.count("several assets have one trigger") == 1


async def test_without_a_store_the_watch_begins_now(emulator: Emulator) -> None:
    run_to_its_end(emulator)
    emulator.clock.advance(MINUTE)
    trigger = ApifyRunEventTrigger(actor_id="emulator/worker")
    events = trigger.run()
    first = asyncio.ensure_future(events.__anext__())
    await until(lambda: len([seen for seen in emulator.requests if seen.path == "/v2/actor-runs"]) >= 6)
    run_id = run_to_its_end(emulator)
    assert (await first).payload["id"] == run_id
    await events.aclose()  # type: ignore[attr-defined]


def test_watchers_of_one_connection_share_a_look() -> None:
    keys = {ApifyRunEventTrigger(actor_id=f"emulator/{number}").shared_stream_key() for number in range(100)}
    assert len(keys) == 1
    assert ApifyRunEventTrigger(actor_id="a", apify_conn_id="other").shared_stream_key() not in keys


@pytest.mark.parametrize(
    "arguments",
    [
        {"statuses": "FINISHED"},
        {"actor_task_id": "b"},
        {"actor_id": None},
        *({"poke_interval": value} for value in (0, 0.9, -1, float("inf"), float("nan"), "soon", None)),
    ],
)
def test_a_mistake_shows_when_the_dag_is_parsed(arguments: Any) -> None:
    with pytest.raises(ApifyConfigurationError):
        ApifyRunEventTrigger(**{"actor_id": "a"} | arguments)
    assert ApifyRunEventTrigger(actor_id="a", statuses="FAILED").serialize()[1]["statuses"] == ["FAILED"]


def test_a_queue_goes_to_airflow_where_airflow_takes_it() -> None:
    if airflow_version < "3.4":
        with pytest.raises(ApifyConfigurationError, match=r"needs Airflow 3\.4"):
            ApifyRunEventTrigger(actor_id="a", queue="apify")
    else:
        trigger: Any = ApifyRunEventTrigger(actor_id="a", queue="apify")
        assert trigger.queue == "apify"


def test_airflow_takes_the_trigger_for_a_watcher() -> None:
    from airflow.sdk import Asset, AssetWatcher

    trigger = ApifyRunEventTrigger(actor_id="emulator/worker")
    Asset("crawl", watchers=[AssetWatcher(name="apify", trigger=trigger)])
    assert ApifyRunEventTrigger.hash(*trigger.serialize()) == ApifyRunEventTrigger.hash(*trigger.serialize())


def test_the_interval_is_a_timedelta_or_seconds() -> None:
    for interval in (120, timedelta(minutes=2)):
        trigger = ApifyRunEventTrigger(actor_id="emulator/worker", poke_interval=interval)
        assert trigger.serialize()[1]["poke_interval"] == 120
