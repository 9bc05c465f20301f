"""Any answer may come to any call: random bytes, random JSON, and Apify's own with something changed."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import TaskDeferred
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.existing_run import (
    AbortRunOperator,
    GetLastRunOperator,
    ResurrectRunOperator,
)
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from airflow_provider_apify.operators.storage import (
    GetKeyValueStoreRecordOperator,
    GetOrCreateDatasetOperator,
    PushDatasetItemsOperator,
    SetKeyValueStoreRecordOperator,
)
from airflow_provider_apify.operators.webhook import CreateOrUpdateWebhookOperator
from airflow_provider_apify.sensors.last_run import ApifyLastRunSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.key_value_store import KeyValueStoreToLocalOperator
from tests.fuzz.conftest import Watch, assert_plain, fuzzed
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

ACTOR: Any = {"actor_id": "emulator/worker"}
FORMATS = ["jsonl", "jsonl.gz", "json", "csv", "parquet", "xlsx", "xml", "html", "rss"]


@dataclass
class World:
    """What there is at Apify, and answers that it gave about it."""

    emulator: Emulator
    ids: dict[str, str]
    answers: list[tuple[str, str]]
    watch: Watch


@pytest.fixture
def world(server: Any, fast_clock: Emulator, watch: Watch) -> World:
    hook = ApifyHook()
    run = hook.wait_for_run(hook.start_actor_run("emulator/worker", {"status_message": "done"}).id)
    hook.set_record(
        run.data["defaultKeyValueStoreId"], "OUTPUT", b'{"a": [1]}', content_type="application/json"
    )
    ids = {
        "run_id": run.id,
        "dataset_id": run.data["defaultDatasetId"],
        "key_value_store_id": run.data["defaultKeyValueStoreId"],
    }
    paths = [
        f"/v2/actor-runs/{run.id}",
        f"/v2/actor-runs/{run.id}/log",
        "/v2/actors/emulator~worker/runs",
        "/v2/actors/emulator~worker",
        "/v2/actor-tasks/emulator~job",
        f"/v2/datasets/{ids['dataset_id']}",
        f"/v2/datasets/{ids['dataset_id']}/items?format=json&limit=1",
        f"/v2/datasets/{ids['dataset_id']}/items?format=csv",
        f"/v2/key-value-stores/{ids['key_value_store_id']}/keys",
        f"/v2/key-value-stores/{ids['key_value_store_id']}/records/OUTPUT",
        "/v2/users/me",
    ]
    headers = {"Authorization": f"Bearer {server.token}"}
    answers = [
        (path.partition("?")[0], requests.get(server.url + path, headers=headers, timeout=9).text)
        for path in paths
    ]
    return World(fast_clock, ids, answers, watch)


def run_to_the_end(operator: Any) -> Any:
    """Run a task, in the triggerer, too, if it wants to."""
    context = (tries := TaskTries()).context
    operator.do_xcom_push = True
    try:
        result = operator.execute(context)
    except TaskDeferred as deferred:
        event = asyncio.run(event_of(deferred.trigger))
        result = getattr(operator, deferred.method_name)(context, event)
    for value in tries.ti.xcoms.values():
        assert_plain(value)
    return result


def run_actor(**arguments: Any) -> Callable[[World], Any]:
    return lambda world: run_to_the_end(RunActorOperator(task_id="run", **ACTOR, **arguments))


def land(format_name: str, **arguments: Any) -> Callable[[World], Any]:
    def transfer(world: World) -> Any:
        path = str(world.watch.out / f"items.{format_name}")
        operator = DatasetToLocalOperator(
            task_id="land", dataset_id=world.ids["dataset_id"], path=path, concurrency=2, **arguments
        )
        return run_to_the_end(operator)

    return transfer


def of_run(operator: Any, **arguments: Any) -> Callable[[World], Any]:
    return lambda world: run_to_the_end(operator(task_id="task", run_id=world.ids["run_id"], **arguments))


def of_store(operator: Any, **arguments: Any) -> Callable[[World], Any]:
    def task(world: World) -> Any:
        store_id = world.ids["key_value_store_id"]
        if operator is KeyValueStoreToLocalOperator:
            arguments["path"] = str(world.watch.out)
        return run_to_the_end(operator(task_id="task", key_value_store_id=store_id, **arguments))

    return task


CALLS: list[Callable[[World], Any]] = [
    run_actor(),
    run_actor(wait_for_completion=True, actor_log="full"),
    run_actor(wait_for_completion=True, actor_log="tail", returns="items"),
    run_actor(wait_for_completion=True, returns="output"),
    run_actor(wait_for_completion=True, run_input={"fail": True}),
    run_actor(wait_for_completion=True, run_input={"seconds": 90}),
    run_actor(wait_for_completion=True, run_input={"seconds": 90}, deferrable=True),
    lambda world: run_to_the_end(
        RunTaskOperator(task_id="run", actor_task_id="emulator/job", wait_for_completion=True)
    ),
    of_run(ApifyRunSensor),
    of_run(AbortRunOperator),
    of_run(ResurrectRunOperator),
    lambda world: run_to_the_end(GetLastRunOperator(task_id="last", **ACTOR)),
    lambda world: (
        ApifyLastRunSensor(task_id="last", max_age=timedelta(days=1), **ACTOR)
        .poke(TaskTries().context)
        .xcom_value
    ),
    *(land(format_name) for format_name in FORMATS),
    land("csv", rows_per_file=2, expected_rows=3),
    of_store(KeyValueStoreToLocalOperator),
    of_store(GetKeyValueStoreRecordOperator),
    of_store(SetKeyValueStoreRecordOperator, key="a", value={"a": 1}),
    lambda world: run_to_the_end(
        PushDatasetItemsOperator(task_id="push", dataset_id=world.ids["dataset_id"], items=[{"a": 1}])
    ),
    lambda world: run_to_the_end(GetOrCreateDatasetOperator(task_id="get", name="kept")),
    lambda world: run_to_the_end(
        CreateOrUpdateWebhookOperator(
            task_id="hook",
            idempotency_key="k",
            event_types=["ACTOR.RUN.FAILED"],
            request_url="http://127.0.0.1:9",
            **ACTOR,
        )
    ),
    lambda world: assert_told(ApifyHook().test_connection()),
    lambda world: list(ApifyHook().iterate_items(world.ids["dataset_id"])) and None,
    lambda world: ApifyHook().split_dataset(world.ids["dataset_id"], 2),
    lambda world: ApifyHook().validate_input("emulator/worker", {}),
]


if airflow_version >= "3":
    from tests.unit.test_run_events import Triggerer

    async def watch_runs() -> None:
        async with Triggerer(actor_id="emulator/worker", poke_interval=1) as triggerer:
            for event in triggerer.events:
                assert_plain(event)

    CALLS.append(lambda world: asyncio.run(watch_runs()))


def assert_told(result: tuple[bool, str]) -> None:
    assert len(result[1]) < 5000


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["\x1b[2J", "::endgroup::\n::group::x", "\u202egpj", "..", "9" * 400, "1e999", "READY", "SUCCEEDED"]
    )
)
NAMES = st.sampled_from(["__type", "__var", "__classname__", "id", "data", "error", "items", "status", "a/b"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
HOSTILE = st.sampled_from(
    [
        b"",
        b"[" * 100_000,
        b'{"data":' * 50_000,
        b"\x00" * 100,
        b"<html>Sorry</html>",
        b"9" * 10_000,
    ]
)
# Some hundred kilobytes on the wire.
BOMB = gzip.compress(b'{"data": {"id": "' + b"x" * (300 << 20) + b'", "status": "SUCCEEDED"}}', mtime=0)


def changed(value: Any, data: st.DataObject) -> Any:
    """Change something somewhere in a JSON value."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if not data.draw(st.integers(0, 5)):
            return {k: v for k, v in value.items() if k != key} if isinstance(value, dict) else []
        copy: Any = value.copy()
        copy[key] = changed(value[key], data)
        return copy
    return data.draw(JSON)


def an_answer(real: str, data: st.DataObject) -> tuple[bytes, dict[str, str]]:
    """Return a body, and the headers that say how it is compressed."""
    kinds = ["bytes", "json", "changed", "changed", "changed", "cut", "hostile", "bomb"]
    kind = data.draw(st.sampled_from(kinds))
    if kind == "bomb":
        return BOMB, {"Content-Encoding": "gzip"}
    if kind == "bytes":
        body = data.draw(st.binary(max_size=200))
    elif kind == "hostile":
        body = data.draw(HOSTILE)
    elif kind == "cut":
        body = real.encode()[: data.draw(st.integers(0, len(real)))]
    elif kind == "json" or not real.startswith("{"):
        body = json.dumps(data.draw(JSON)).encode()
    else:
        body = json.dumps(changed(json.loads(real), data)).encode()
    if data.draw(st.integers(0, 9)) == 0:
        return gzip.compress(body, mtime=0), {"Content-Encoding": "gzip"}
    return body, {}


@fuzzed
@given(data=st.data())
def test_any_answer_to_any_call_ends_in_a_result_or_an_error_of_ours(
    world: World, data: st.DataObject
) -> None:
    call = data.draw(st.sampled_from(CALLS))
    path, real = data.draw(st.sampled_from(world.answers))
    body, headers = an_answer(real, data)
    first = data.draw(st.integers(1, 3))
    fault = Fault(
        "answer",
        # The very resource, or whatever is asked for.
        path=data.draw(st.sampled_from(["*", path, f"{path.rpartition('/')[0]}/*"])),
        calls=tuple(range(first, first + data.draw(st.integers(1, 9)))),
        status=data.draw(st.sampled_from([200, 200, 200, 200, 201, 302, 400, 401, 402, 404, 408, 429, 500])),
        body=body.decode(errors="surrogateescape"),
        content_type=data.draw(
            st.sampled_from(["application/json", "application/x-ndjson", "text/csv", "text/html"])
        ),
        headers={"X-Apify-Pagination-Offset": "0", **headers},
    )
    world.emulator.faults.add(fault)
    try:
        with world.watch.over():
            assert_plain(call(world))
    finally:
        world.emulator.faults.clear()
