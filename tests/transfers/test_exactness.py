"""Whatever a dataset holds and however its pages come: what lands is what the official client lists."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apify_client import ApifyClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_apify.api.errors import ApifyDataError
from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.export import page_size
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from tests.support.connections import set_connection
from tests.support.exports import set_page_bytes

NAMES = ["a", "b", "#h", "list", "obj", "with,comma", 'q"', "ž", "line\nbreak", "x/y"]
# No lone surrogates: they have no UTF-8, so no dataset can hold them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["\r", "\u2028", "\x00", "\x85", "\x1f", ";,\t|", "  ", "NaN", "null", "1e5", "00012", "[", "ÿ🐎"]
)
SCALARS = st.none() | st.booleans() | TEXTS | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
# JSON has no infinity.
ITEMS = st.lists(
    st.just({}) | st.just({"#h": 1}) | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
    max_size=40,
).filter(lambda items: "Infinity" not in json.dumps(items))
SHAPES = st.fixed_dictionaries(
    {},
    optional={
        "clean": st.booleans(),
        "skip_hidden": st.booleans(),
        "skip_empty": st.booleans(),
        "fields": st.lists(st.sampled_from(["a", "b", "list", "obj", "#h"]), min_size=1, unique=True),
        "omit": st.lists(st.sampled_from(["a", "obj"]), min_size=1, unique=True),
        "unwind": st.lists(st.sampled_from(["list", "obj"]), min_size=1, unique=True),
        "flatten": st.lists(st.sampled_from(["obj"]), min_size=1),
        "offset": st.integers(0, 45),
        "limit": st.integers(1, 45),
    },
)
LAGS = st.sampled_from(["exact", "zero", "stale"])
PAGES = st.sampled_from([20, 200, 4000])


class World:
    """An emulator for all examples of a test: hypothesis makes no new fixture for each."""

    def __init__(self, emulator: Emulator, url: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.emulator = emulator
        self.client = ApifyClient(token, api_url=url)
        self.monkeypatch = monkeypatch

    def dataset(self, items: list[dict[str, Any]], lag: Any, page_bytes: int) -> str:
        """Make a dataset whose last half has just been pushed."""
        self.emulator.switches.stale_total, self.emulator.switches.stale_seconds = lag, 1e9
        set_page_bytes(
            self.monkeypatch,
            page_bytes,
            first_items=max(1, page_bytes // 40),
            chunk_bytes=page_bytes // 2,
            # Every other dataset is read by ranges, the rest in one go.
            stream=len(items) % 2 == 0,
        )
        self.monkeypatch.setattr(page_size, "MAX_BYTES", 2 * page_bytes)
        dataset_id = self.emulator.create_dataset(items[: len(items) // 2])
        self.emulator.platform.datasets[dataset_id].push(items[len(items) // 2 :])
        return dataset_id

    def listed(self, dataset_id: str, **shape: Any) -> list[Any]:
        """Return what the official client lists, in one page."""
        return self.client.dataset(dataset_id).list_items(**shape).items

    def landed(self, dataset_id: str, name: str, most: int | None = None, **shape: Any) -> bytes:
        """Return the bytes of the file that the operator writes, if Apify gives so many items at once."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            task = DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(path), **shape)
            self.emulator.switches.max_items_per_request = most
            result = task.execute({})
            self.emulator.switches.max_items_per_request = None
            data = path.read_bytes()
        assert result["bytes"] == len(data)
        return data


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    emulator, monkeypatch = Emulator(), pytest.MonkeyPatch()
    with emulator.serve() as server:
        set_connection(monkeypatch, host=server.url, password=server.token)
        yield World(emulator, server.url, server.token, monkeypatch)
    monkeypatch.undo()


exactly = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@exactly
@given(
    items=ITEMS,
    shape=SHAPES,
    lag=LAGS,
    page_bytes=PAGES,
    most=st.sampled_from([None, 1, 7]),
    name=st.sampled_from(["a.jsonl", "a.jsonl.gz"]),
)
def test_json_lines_are_what_the_client_lists(
    world: World, items: Any, shape: Any, lag: Any, page_bytes: int, most: int | None, name: str
) -> None:
    dataset_id = world.dataset(items, lag, page_bytes)
    data = world.landed(dataset_id, name, most, **shape)
    lines = (gzip.decompress(data) if name.endswith(".gz") else data).split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == world.listed(dataset_id, **shape)


@exactly
@given(items=ITEMS, shape=SHAPES, lag=LAGS, page_bytes=PAGES)
def test_json_is_what_the_client_lists(
    world: World, items: Any, shape: Any, lag: Any, page_bytes: int
) -> None:
    dataset_id = world.dataset(items, lag, page_bytes)
    assert json.loads(world.landed(dataset_id, "a.json", **shape)) == world.listed(dataset_id, **shape)


@exactly
@given(items=ITEMS, shape=SHAPES, lag=LAGS, page_bytes=PAGES, delimiter=st.sampled_from([",", ";", "\t"]))
def test_csv_is_what_the_client_lists(
    world: World, items: Any, shape: Any, lag: Any, page_bytes: int, delimiter: str
) -> None:
    import io

    import pandas as pd

    dataset_id = world.dataset(items, lag, page_bytes)
    data = world.landed(dataset_id, "a.csv", delimiter=delimiter, **shape)
    rows = [flat(item) for item in world.listed(dataset_id, **shape)]
    if not any(rows):
        assert not data.strip()
        return
    frame = pd.read_csv(
        io.BytesIO(data), sep=delimiter, dtype=str, keep_default_na=False, skip_blank_lines=False
    )
    columns = {column for row in rows for column in row}
    assert set(frame.columns) == columns
    assert frame.to_dict("records") == [
        {column: text(row.get(column)) for column in frame.columns} for row in rows
    ]


@exactly
@given(items=ITEMS, shape=SHAPES, lag=LAGS, page_bytes=PAGES)
def test_parquet_is_what_the_client_lists(
    world: World, items: Any, shape: Any, lag: Any, page_bytes: int
) -> None:
    import io

    import pyarrow.parquet as pq

    dataset_id = world.dataset(items, lag, page_bytes)
    rows = world.listed(dataset_id, **shape)
    if rows and not any(rows):
        with pytest.raises(ApifyDataError, match="without columns"):
            world.landed(dataset_id, "a.parquet", **shape)
        return
    table = pq.read_table(io.BytesIO(world.landed(dataset_id, "a.parquet", **shape)))
    assert_same(table.to_pylist(), rows)


def assert_same(read: Any, value: Any) -> None:
    """Compare what Parquet holds with a value: a column of mixed types is JSON, a missing field is null."""
    if isinstance(value, (int, float, dict, list)) and isinstance(read, str):
        assert json.loads(read) == value
    elif isinstance(value, dict):
        assert set(read) >= set(value)
        for name, inner in read.items():
            assert_same(inner, value.get(name))
    elif isinstance(value, list):
        assert len(read) == len(value)
        for one, other in zip(read, value, strict=True):
            assert_same(one, other)
    else:
        assert read == value or (value is None and not flat(read))


def flat(value: Any) -> dict[str, Any]:
    """Flatten an item as Apify's tables do; written anew, to check the other one."""
    stack, leaves = [("", value)], {}
    while stack:
        name, inner = stack.pop(0)
        if isinstance(inner, (dict, list)):
            pairs = inner.items() if isinstance(inner, dict) else enumerate(inner)
            stack = [(f"{name}/{key}" if name else str(key), item) for key, item in pairs] + stack
        else:
            leaves[name] = inner
    return leaves


def text(value: Any) -> str:
    """Return the text of a cell: that of JSON, but for strings and null."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
