"""The hook's items: all of them, one by one, or divided among mapped tasks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyNotFoundError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import page_size
from airflow_provider_apify.hooks.apify import ApifyHook
from tests.support.exports import ITEMS_PATH, set_page_bytes

pytestmark = pytest.mark.usefixtures("fast_clock")

ITEMS = [{"n": n, "#h": n, "l": list(range(n % 4))} for n in range(700)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few dozen items, most of them read in ranges."""
    set_page_bytes(monkeypatch, 1000, first_items=1000, chunk_bytes=1000, stream=False)


@pytest.mark.parametrize("total", ["exact", "stale", "zero"])
@pytest.mark.parametrize("selection", [{}, {"clean": True, "offset": 3}, {"unwind": "l"}, {"fields": "n"}])
def test_iterate_items_gives_all_items_whatever_breaks(
    emulator: Emulator, hook: ApifyHook, selection: Any, total: Any
) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    dataset_id = emulator.create_dataset(ITEMS[:300])
    emulator.platform.datasets[dataset_id].push(ITEMS[300:])
    expected = hook.get_items(dataset_id, **selection).items()
    for action in ("drop-before", "answer"):
        emulator.faults.add(Fault(action, "GET", ITEMS_PATH, (4, 6), status=503))
    assert list(hook.iterate_items(dataset_id, **selection)) == expected


@pytest.mark.parametrize("total", ["exact", "stale", "zero"])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 700])
def test_split_dataset_covers_every_item_once(
    emulator: Emulator, hook: ApifyHook, count: int, total: Any
) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    dataset_id = emulator.create_dataset(ITEMS[: count // 2])
    emulator.platform.datasets[dataset_id].push(ITEMS[count // 2 : count])
    parts: list[Any] = list(hook.split_dataset(dataset_id, 100))
    assert [part["limit"] for part in parts[:-1]] == [100] * (len(parts) - 1)
    assert [item for part in parts for item in hook.iterate_items(dataset_id, **part)] == ITEMS[:count]
    assert hook.split_dataset(dataset_id, 30, offset=10, limit=50)[:1] in (
        [],
        [{"offset": 10, "limit": min(30, count - 10)}],
    )


def test_iterate_items_may_be_left_early(emulator: Emulator, hook: ApifyHook) -> None:
    dataset_id = emulator.create_dataset(ITEMS)
    assert list(itertools.islice(hook.iterate_items(dataset_id), 5)) == ITEMS[:5]


def test_iterate_items_refuses_what_it_cannot_read(hook: ApifyHook) -> None:
    with pytest.raises(ApifyNotFoundError):
        list(hook.iterate_items("nothing"))
    wrong: Any = "x"
    with pytest.raises(ApifyConfigurationError):
        next(hook.iterate_items("nothing", limit=wrong))


def test_one_page_and_all_items_take_the_same_arguments(emulator: Emulator, hook: ApifyHook) -> None:
    dataset_id = emulator.create_dataset([{"n": 1, "#h": 2, "m": 3}, {"#h": 4}])
    arguments: dict[str, Any] = {"skip_hidden": True, "skip_empty": True, "omit": ["m"]}
    page = hook.get_items(dataset_id, **arguments).items()
    assert page == list(hook.iterate_items(dataset_id, **arguments)) == [{"n": 1}]
    assert hook.get_items(dataset_id, format="jsonl", fields="n", limit=1).body == b'{"n":1}\n'
    assert hook.get_items(dataset_id, desc=True, limit=1).items() == [{"#h": 4}]
    of_the_api: dict[str, Any] = {"skipHidden": True}
    with pytest.raises(TypeError, match="skipHidden"):
        hook.get_items(dataset_id, **of_the_api)


@pytest.mark.parametrize("count", [0, 1, 7, 21, 100])
def test_a_dataset_whose_count_lags_is_divided_to_its_end(
    emulator: Emulator, hook: ApifyHook, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(page_size, "FIRST_ITEMS", 7)
    emulator.switches.stale_total, emulator.switches.stale_seconds = "zero", 1e9
    parts = hook.split_dataset(emulator.create_dataset([{"n": n} for n in range(count)]), 30)
    assert [part["offset"] for part in parts] == list(range(0, count, 30))
    assert sum(part["limit"] for part in parts) == count
