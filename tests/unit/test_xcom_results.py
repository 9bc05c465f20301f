"""Small results as the return value of the task that ran the Actor."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_apify.api.errors import (
    ApifyConfigurationError,
    ApifyDataError,
    ApifyRunFailedError,
    ApifyTooLargeError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

JSON = "application/json"

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


@pytest.fixture(autouse=True)
def writer(emulator: Emulator) -> None:
    """An Actor that leaves the record OUTPUT that it is told to."""

    @emulator.actor("emulator/writer")
    def write(actor: Any) -> None:
        if "output" in actor.input:
            value = actor.input["output"]
            if actor.input.get("json"):
                actor.set_value("OUTPUT", value.encode(), content_type="application/ld+json")
            else:
                actor.set_value("OUTPUT", value.encode() if actor.input.get("bytes") else value)


def run_actor(actor: str = "emulator/worker", **kwargs: Any) -> RunActorOperator:
    arguments: dict[str, Any] = {"task_id": "run", "actor_id": actor, "wait_for_completion": True} | kwargs
    return RunActorOperator(**arguments)


def test_items_are_returned(stored_tries: TaskTries) -> None:
    operator = run_actor(run_input={"items": 4}, returns="items")
    assert operator.execute(stored_tries.context) == [{"n": n} for n in range(4)]
    assert not operator.multiple_outputs
    assert stored_tries.ti.xcoms["defaultDatasetId"]


def test_items_of_a_saved_task_are_returned(stored_tries: TaskTries) -> None:
    operator = RunTaskOperator(
        task_id="run", actor_task_id="emulator/job", wait_for_completion=True, returns="items"
    )
    assert operator.execute(stored_tries.context) == [{"n": 0}, {"n": 1}]


def test_no_items_are_an_empty_list(stored_tries: TaskTries) -> None:
    assert run_actor(run_input={"items": 0}, returns="items").execute(stored_tries.context) == []


@pytest.mark.parametrize("output", [{"a": [1, None, "ž"]}, [1, 2], "plain text 🐎", 7])
def test_the_output_record_is_returned(stored_tries: TaskTries, output: Any) -> None:
    operator = run_actor("emulator/writer", run_input={"output": output}, returns="output")
    assert operator.execute(stored_tries.context) == output


@pytest.mark.slow
def test_results_of_a_long_run_are_returned(emulator: Emulator, stored_tries: TaskTries) -> None:
    """Apify's own synchronous endpoints lose a run after 300 s; this one is known from its start."""
    operator = run_actor(run_input={"seconds": 3600, "items": 1}, returns="items")
    assert operator.execute(stored_tries.context) == [{"n": 0}]
    assert stored_tries.ti.xcoms["id"] == emulator.runs[0]["id"]
    assert not [seen for seen in emulator.requests if "run-sync" in seen.path]


async def test_results_are_returned_after_a_deferral(emulator: Emulator, stored_tries: TaskTries) -> None:
    operator = run_actor(run_input={"seconds": 600, "items": 1}, returns="items", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(stored_tries.context)
    event = await event_of(deferred.value.trigger)
    assert operator.execute_complete(stored_tries.context, event) == [{"n": 0}]


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"returns": "items", "run_input": {"items": 10_000}}, ApifyTooLargeError, "DatasetToS3Operator"),
        (
            {"actor": "emulator/writer", "returns": "output", "run_input": {"output": "x" * 50_000}},
            ApifyTooLargeError,
            "KeyValueStoreToS3Operator",
        ),
        (
            {"actor": "emulator/writer", "returns": "output", "run_input": {}},
            ApifyDataError,
            'returns="items"',
        ),
        (
            {"actor": "emulator/writer", "returns": "output", "run_input": {"output": "PNG", "bytes": True}},
            ApifyDataError,
            "octet-stream",
        ),
        (
            {"actor": "emulator/writer", "returns": "output", "run_input": {"output": "{", "json": True}},
            ApifyDataError,
            "Expecting property name",
        ),
        ({"returns": "items", "run_input": {"fail": True}}, ApifyRunFailedError, "FAILED"),
    ],
)
def test_what_cannot_be_returned_is_an_error(
    emulator: Emulator, stored_tries: TaskTries, kwargs: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        run_actor(**kwargs).execute(stored_tries.context)
    assert emulator.runs[0]["id"] in str(raised.value)


def nested(levels: int) -> Any:
    """Make a value of so many lists within each other."""
    value: Any = {}
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [{"__type": "airflow.sdk.Connection", "__var": {"conn_id": "x"}}]}, "'__type'"),
        ({"__classname__": "airflow.sdk.Connection", "__version__": 1, "__data__": {}}, "'__classname__'"),
        ({"__id__": "x"}, "'__id__'"),
        ({"n": [2**64]}, "64 bits"),
        ({"n": math.inf}, "inf is no number"),
        (nested(100), "deeper than 100"),
        (nested(10_000), "too deep"),
    ],
)
@pytest.mark.parametrize("returns", ["items", "output"])
def test_what_airflow_would_not_give_on_as_it_is_is_an_error(
    emulator: Emulator, stored_tries: TaskTries, value: Any, words: str, returns: str
) -> None:
    text = _json(value)

    @emulator.actor("emulator/stranger")
    def write(actor: Any) -> None:
        actor.set_value("OUTPUT", text.encode(), content_type=JSON)

    if returns == "items":
        headers = {"X-Apify-Pagination-Offset": "0"}
        emulator.faults.add(
            Fault("answer", path="*/items", status=200, body=f"[{text}]", headers=headers, content_type=JSON)
        )
    with pytest.raises(ApifyDataError, match=words) as raised:
        run_actor("emulator/stranger", returns=returns).execute(stored_tries.context)
    assert "Operator" in str(raised.value)
    assert len(emulator.runs) == 1


@pytest.mark.parametrize(
    ("value", "kept"), [('"\\ud83d"', "\ufffd"), ('{"\\u0000": ["🐎"]}', {"\ufffd": ["🐎"]})]
)
def test_characters_that_no_xcom_holds_are_replaced(
    emulator: Emulator, stored_tries: TaskTries, value: str, kept: Any
) -> None:
    """Half an emoji is what JavaScript leaves where it cuts a text."""

    @emulator.actor("emulator/stranger")
    def write(actor: Any) -> None:
        actor.set_value("OUTPUT", value.encode(), content_type=JSON)

    assert run_actor("emulator/stranger", returns="output").execute(stored_tries.context) == kept


def _json(value: Any) -> str:
    """Return JSON, also of what is nested too deep for Python's own encoder."""
    brackets = 0
    while isinstance(value, list) and len(value) == 1:
        (value,), brackets = value, brackets + 1
    return "[" * brackets + json.dumps(value) + "]" * brackets


def test_a_retry_after_too_large_results_pays_nothing(emulator: Emulator, task_tries: TaskTries) -> None:
    operator = run_actor(run_input={"items": 10_000}, returns="items")
    for context in (task_tries.context, task_tries.retry()):
        with pytest.raises(ApifyTooLargeError):
            operator.execute(context)
    assert len(emulator.runs) == 1


def test_without_a_wait_there_is_nothing_to_return(emulator: Emulator, stored_tries: TaskTries) -> None:
    with pytest.raises(ApifyConfigurationError, match="wait_for_completion"):
        run_actor(returns="items", wait_for_completion=False).execute(stored_tries.context)
    assert not emulator.runs


def test_an_unknown_result_is_an_error(emulator: Emulator, stored_tries: TaskTries) -> None:
    with pytest.raises(ApifyConfigurationError, match="'run', 'items', 'output'"):
        run_actor(returns="dataset").execute(stored_tries.context)
    assert not emulator.runs
