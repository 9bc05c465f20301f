"""Data on its way to Apify, over HTTP against the emulator."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.api.errors import (
    ApifyConfigurationError,
    ApifyDataError,
    ApifyError,
    ApifyInputError,
    ApifyNotFoundError,
    ApifyServerError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.storage import (
    GetOrCreateDatasetOperator,
    GetOrCreateKeyValueStoreOperator,
    PushDatasetItemsOperator,
    SetKeyValueStoreRecordOperator,
)
from tests.support.connections import set_connection
from tests.support.s3_bucket import BUCKET, S3Bucket, make_bucket

NO_CONTEXT: Any = {}

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

ROWS = [{"n": n, "text": f"řádek {n} 🐎"} for n in range(5)]


@pytest.fixture
def dataset_id(emulator: Emulator) -> str:
    """An empty dataset."""
    return emulator.create_dataset()


@pytest.fixture
def store_id(emulator: Emulator) -> str:
    """An empty key-value store."""
    return emulator.create_key_value_store()


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    """An empty bucket, behind the connection `aws_default`."""
    bucket = make_bucket(s3_url)
    set_connection(monkeypatch, "aws_default", **bucket.connection)
    return bucket


def push(dataset_id: str, **kwargs: Any) -> Any:
    return PushDatasetItemsOperator(task_id="push", dataset_id=dataset_id, **kwargs).execute(NO_CONTEXT)


def rows(hook: ApifyHook, dataset_id: str) -> list[Any]:
    return hook.get_items(dataset_id, format="json").items()


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def test_items_of_another_task_are_pushed(hook: ApifyHook, dataset_id: str) -> None:
    assert push(dataset_id, items=ROWS) == {"dataset_id": dataset_id, "items": 5}
    assert push(dataset_id, items=[]) == {"dataset_id": dataset_id, "items": 0}
    push(dataset_id, items={"one": "more"})
    assert rows(hook, dataset_id) == [*ROWS, {"one": "more"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", lines(ROWS)),
        ("without an end.jsonl", lines(ROWS).rstrip() + b"\n\n  "),
        ("a.jsonl.gz", gzip.compress(lines(ROWS), mtime=0)),
        ("a.json", json.dumps(ROWS, indent=1).encode()),
        ("a.json.gz", gzip.compress(json.dumps(ROWS).encode(), mtime=0)),
    ],
)
@pytest.mark.parametrize("where", ["disk", "S3"])
def test_items_of_a_file_are_pushed(
    hook: ApifyHook, dataset_id: str, request: Any, tmp_path: Path, where: str, name: str, content: bytes
) -> None:
    if where == "S3":
        request.getfixturevalue("bucket").put(f"of/{name}", content)
        path = f"s3://{BUCKET}/of/{name}"
    else:
        (tmp_path / name).write_bytes(content)
        path = str(tmp_path / name)
    push(dataset_id, path=path)
    assert rows(hook, dataset_id) == ROWS


def test_many_items_travel_in_chunks(emulator: Emulator, dataset_id: str) -> None:
    push(dataset_id, items=({"n": n, "text": "x" * 1_000} for n in range(20_000)))
    pushes = [seen for seen in emulator.requests if seen.method == "POST"]
    assert len(pushes) == 5
    assert all(int(seen.headers["Content-Length"]) < 5_000_000 for seen in pushes)
    items = emulator.platform.datasets[dataset_id].items
    assert [item["n"] for item in items.at(range(len(items)))] == list(range(20_000))


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop-after", "POST", "/v2/datasets/*/items", (2,)),
        Fault("answer", "POST", "/v2/datasets/*/items", (2,), status=500),
    ],
)
def test_a_chunk_is_never_repeated_blindly(emulator: Emulator, dataset_id: str, fault: Fault) -> None:
    emulator.faults.add(fault)
    with pytest.raises(ApifyDataError, match=r"The first 4,\d+ items are in the dataset .* cannot be told"):
        push(dataset_id, items=[{"text": "x" * 1_000}] * 10_000)
    assert len([seen for seen in emulator.requests if seen.method == "POST"]) == 2


def test_a_bad_item_after_good_ones_does_not_hide_them(hook: ApifyHook, dataset_id: str) -> None:
    items = [*({"text": "x" * 100_000} for _ in range(60)), "bad"]
    with pytest.raises(ApifyDataError, match=r"The first 44 items .* none after them: Item 60"):
        push(dataset_id, items=items)
    assert len(rows(hook, dataset_id)) == 44


def test_too_many_requests_are_waited_out(emulator: Emulator, hook: ApifyHook, dataset_id: str) -> None:
    emulator.faults.add(
        Fault("answer", "POST", "/v2/datasets/*/items", (1, 2), status=429, type="rate-limit-exceeded")
    )
    push(dataset_id, items=ROWS)
    assert rows(hook, dataset_id) == ROWS


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({}, "either `items` or `path`"),
        ({"items": [], "path": "x"}, "either `items` or `path`"),
        ({"items": [{"good": 1}, 7]}, "Item 1 .* is a int"),
        ({"items": [{"bad": object()}]}, "Item 0 .* not JSON"),
        ({"items": [{"bad": float("nan")}]}, "Item 0 .* not JSON"),
        ({"items": [{"text": "x" * 5_000_000}]}, "Item 0 .* 5 MB"),
        ({"path": "/nonexistent.jsonl"}, "no file"),
    ],
)
def test_what_cannot_be_pushed_is_an_error(hook: ApifyHook, dataset_id: str, kwargs: Any, words: str) -> None:
    with pytest.raises(ApifyConfigurationError, match=words):
        push(dataset_id, **kwargs)
    assert rows(hook, dataset_id) == []


@pytest.mark.usefixtures("bucket")
def test_a_missing_object_is_an_error(dataset_id: str) -> None:
    with pytest.raises(ApifyConfigurationError, match=f"no object s3://{BUCKET}/none"):
        push(dataset_id, path=f"s3://{BUCKET}/none.jsonl")


def test_a_missing_dataset_is_an_error() -> None:
    with pytest.raises(ApifyNotFoundError):
        push("0123456789abcdefg", items=ROWS)


@pytest.mark.parametrize("key", ["FEED", ".."])
@pytest.mark.parametrize(
    ("value", "stored", "content_type"),
    [
        ({"a": "ž"}, '{"a": "ž"}'.encode(), "application/json; charset=utf-8"),
        ([], b"[]", "application/json; charset=utf-8"),
        ("text", b"text", "text/plain; charset=utf-8"),
        (b"\x00", b"\x00", "application/octet-stream"),
    ],
)
def test_a_record_is_written_with_its_media_type(
    hook: ApifyHook, store_id: str, key: str, value: Any, stored: bytes, content_type: str
) -> None:
    operator = SetKeyValueStoreRecordOperator(
        task_id="set", key_value_store_id=store_id, key=key, value=value
    )
    assert operator.execute(NO_CONTEXT) == {"key_value_store_id": store_id, "key": key}
    record = hook.get_record(store_id, key)
    assert (record.value, record.content_type) == (stored, content_type)


@pytest.mark.parametrize("with_proxy", [False, True])
@pytest.mark.parametrize("key", [".", "..", "a.b"])
async def test_a_key_of_dots_is_no_step_up(
    monkeypatch: pytest.MonkeyPatch, server: Any, store_id: str, key: str, *, with_proxy: bool
) -> None:
    if with_proxy:
        extra = {"proxy": server.url}
        set_connection(monkeypatch, host="http://localhost:9", password=server.token, extra=extra)
    hook = ApifyHook()
    hook.set_record(store_id, key, b"worker", content_type="text/plain")
    assert (await hook.get_record.aio(store_id, key)).value == b"worker"
    await hook.set_record.aio(store_id, key, b"triggerer", content_type="text/plain")
    assert hook.get_record(store_id, key).value == b"triggerer"


@pytest.mark.parametrize("where", ["disk", "S3"])
def test_a_record_of_a_file_is_written_as_it_is(
    hook: ApifyHook, store_id: str, request: Any, tmp_path: Path, where: str
) -> None:
    content = gzip.compress(b"a,b\n1,2\n")
    if where == "S3":
        request.getfixturevalue("bucket").put("feed.csv.gz", content)
        path = f"s3://{BUCKET}/feed.csv.gz"
    else:
        (tmp_path / "feed.csv.gz").write_bytes(content)
        path = str(tmp_path / "feed.csv.gz")
    SetKeyValueStoreRecordOperator(
        task_id="set", key_value_store_id=store_id, key="FEED", path=path, content_type="application/gzip"
    ).execute(NO_CONTEXT)
    record = hook.get_record(store_id, "FEED")
    assert (record.value, record.content_type) == (content, "application/gzip")


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"value": None}, ApifyConfigurationError, "either `value` or `path`"),
        ({"value": {"x": float("nan")}}, ApifyConfigurationError, "not JSON"),
        ({"value": {"x": object()}}, ApifyConfigurationError, "not JSON"),
        ({"value": "x", "key": ""}, ApifyConfigurationError, "`key` must be a text, not an empty one"),
        ({"value": "x", "key": "no spaces"}, ApifyInputError, "invalid"),
        ({"value": "x" * 10_000_000}, ApifyConfigurationError, "9,437,184"),
        (
            {"value": "x", "key_value_store_id": ""},
            ApifyConfigurationError,
            "store_id` must be an ID",
        ),
    ],
)
def test_what_cannot_be_a_record_is_an_error(
    store_id: str, kwargs: Any, error: type[ApifyError], words: str
) -> None:
    arguments: dict[str, Any] = {"task_id": "set", "key_value_store_id": store_id, "key": "FEED"} | kwargs
    with pytest.raises(error, match=words):
        SetKeyValueStoreRecordOperator(**arguments).execute(NO_CONTEXT)


@pytest.mark.parametrize("operator", [GetOrCreateDatasetOperator, GetOrCreateKeyValueStoreOperator])
def test_a_named_storage_is_made_once(operator: Any) -> None:
    made = operator(task_id="get", name="daily-feed").execute(NO_CONTEXT)
    assert operator(task_id="get", name="daily-feed").execute(NO_CONTEXT) == made
    assert operator(task_id="get", name="other-feed").execute(NO_CONTEXT) != made
    with pytest.raises(ApifyConfigurationError, match="`name` must be a text"):
        operator(task_id="get", name="").execute(NO_CONTEXT)


@pytest.mark.parametrize("id_", [None, ["x"], "", "..", "../../account?x=", "https://b.example/", "x" * 33])
def test_an_id_that_is_none_is_no_result(emulator: Emulator, id_: Any) -> None:
    body = json.dumps({"data": {"id": id_, "username": "x"}})
    emulator.faults.add(Fault("answer", status=200, body=body, content_type="application/json"))
    hook = ApifyHook()
    webhook: dict[str, Any] = {"event_types": ["ACTOR.RUN.FAILED"], "request_url": "https://a.example/"}
    for ask in (
        lambda: GetOrCreateDatasetOperator(task_id="get", name="feed").execute(NO_CONTEXT),
        lambda: GetOrCreateKeyValueStoreOperator(task_id="get", name="feed").execute(NO_CONTEXT),
        lambda: hook.ensure_webhook("key", actor_id="a/b", **webhook),
        lambda: hook.get_dataset("a/b"),
        lambda: hook.get_key_value_store("a/b"),
        lambda: hook.get_actor("a/b"),
        lambda: hook.get_task("a/b"),
        hook.get_user,
    ):
        with pytest.raises(ApifyServerError, match="its `id` is none of Apify's"):
            ask()


def test_an_actor_reads_the_dataset_that_was_fed(emulator: Emulator, hook: ApifyHook) -> None:
    """What it is all for: an input far larger than a run takes, by the ID of a dataset."""
    dataset_id = GetOrCreateDatasetOperator(task_id="get", name="feed").execute(NO_CONTEXT)
    push(dataset_id, items=ROWS)

    @emulator.actor("emulator/reader")
    def read(actor: Any) -> None:
        items = emulator.platform.datasets[actor.input["datasetId"]].items
        actor.push_data([{"double": item["n"] * 2} for item in items.at(range(len(items)))])

    run = hook.wait_for_run(hook.start_actor_run("emulator/reader", {"datasetId": dataset_id}).id)
    assert rows(hook, run.info["defaultDatasetId"]) == [{"double": 2 * n} for n in range(5)]
