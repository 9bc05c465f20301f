"""The hook's items, one by one: the same on a worker and on an event loop."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyDataError, ApifyNotFoundError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import ranges, sprint
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator

pytestmark = pytest.mark.usefixtures("fast_clock")

ITEMS = [{"n": n, "#h": n, "l": list(range(n % 4))} for n in range(700)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sprint, "_CHUNK_BYTES", 1000)
    monkeypatch.setattr(sprint, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(sprint, "_FAST_BYTES_PER_SECOND", float("inf"))
    monkeypatch.setattr(ranges, "_SMALLEST_PAGE", 1000)
    monkeypatch.setattr(ranges, "_LARGEST_PAGE", 1000)


@pytest.mark.parametrize("total", ["exact", "stale", "zero"])
@pytest.mark.parametrize(
    "selection",
    [{}, {"clean": True, "offset": 3}, {"unwind": "l"}, {"desc": True, "limit": 200}, {"fields": "n"}],
)
async def test_all_items(emulator: Emulator, hook: ApifyHook, selection: Any, total: Any) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    dataset_id = emulator.create_dataset(ITEMS[:300])
    emulator.platform.datasets[dataset_id].push(ITEMS[300:])
    params = {name: str(value).lower() if value is True else value for name, value in selection.items()}
    expected = hook.get_items(dataset_id, **params).items()
    for action in ("drop-before", "answer"):
        emulator.faults.add(Fault(action, "GET", "/v2/datasets/*/items", (4, 6), status=503))
    assert list(hook.iterate_items(dataset_id, **selection)) == expected
    for fault in emulator.faults:
        fault.matched = 0
    assert [item async for item in hook.iterate_items.aio(dataset_id, **selection)] == expected


@pytest.mark.parametrize("total", ["exact", "stale", "zero"])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 700])
def test_shares_for_mapped_tasks(emulator: Emulator, hook: ApifyHook, count: int, total: Any) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    dataset_id = emulator.create_dataset(ITEMS[: count // 2])
    emulator.platform.datasets[dataset_id].push(ITEMS[count // 2 : count])
    shares = hook.split_dataset(dataset_id, 100)
    assert [share["limit"] for share in shares[:-1]] == [100] * (len(shares) - 1)
    assert [item for share in shares for item in hook.iterate_items(dataset_id, **share)] == ITEMS[:count]
    assert hook.split_dataset(dataset_id, 30, offset=10, limit=50)[:1] in (
        [],
        [{"offset": 10, "limit": min(30, count - 10)}],
    )


async def test_may_be_left_early(emulator: Emulator, hook: ApifyHook) -> None:
    dataset_id = emulator.create_dataset(ITEMS)
    assert list(itertools.islice(hook.iterate_items(dataset_id), 5)) == ITEMS[:5]
    items = hook.iterate_items.aio(dataset_id)
    assert [await anext(items) for _ in range(5)] == ITEMS[:5]
    await items.aclose()


async def test_errors(emulator: Emulator, hook: ApifyHook) -> None:
    with pytest.raises(ApifyNotFoundError):
        list(hook.iterate_items("nothing"))
    with pytest.raises(ApifyNotFoundError):
        await anext(hook.iterate_items.aio("nothing"))
    with pytest.raises(ApifyConfigurationError):
        next(hook.iterate_items("nothing", limit="x"))


def test_a_dataset_that_grows_at_the_wrong_end(emulator: Emulator, hook: ApifyHook) -> None:
    dataset_id = emulator.create_dataset(ITEMS)
    items = hook.iterate_items(dataset_id, desc=True, concurrency=1)
    assert next(items) == ITEMS[-1]
    emulator.platform.datasets[dataset_id].push(ITEMS[:1])
    with pytest.raises(ApifyDataError, match="grew while it was read"):
        list(items)


def test_lineage(emulator: Emulator, server: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.lineage import hook as hook_lineage

    class Collector:
        def __init__(self) -> None:
            self.seen: list[tuple[str, str]] = []

        def add_input_asset(self, context: Any, uri: str) -> None:
            self.seen.append(("input", uri))

        def add_output_asset(self, context: Any, uri: str) -> None:
            self.seen.append(("output", uri))

    collector = Collector()
    monkeypatch.setattr(hook_lineage, "get_hook_lineage_collector", lambda: collector)
    dataset_id = emulator.create_dataset(ITEMS)
    path = tmp_path / "out.jsonl"
    task = DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(path))
    result = task.execute({})
    assert collector.seen == [("input", f"apify://datasets/{dataset_id}"), ("output", path.as_uri())]
    assert len(json.dumps(result)) < 2048
    asked = len(emulator.requests)
    told = task.get_openlineage_facets_on_complete(None)
    assert [(told.inputs[0].namespace, told.inputs[0].name)] == [("apify://datasets", dataset_id)]
    assert (told.outputs[0].namespace, told.outputs[0].name) == ("file", str(path))
    assert told.outputs[0].outputFacets["outputStatistics"].rowCount == len(ITEMS)
    assert len(emulator.requests) == asked
