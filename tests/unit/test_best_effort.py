"""What only reports fails no task: its run has been paid for, whatever Apify, Airflow or a listener does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Stats, TaskDeferred

from airflow_provider_apify.api.errors import ApifyDataError, ApifyRunFailedError, ApifyStartUncertainError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.existing_run import GetLastRunOperator
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.runs import xcom_results
from airflow_provider_apify.sensors.run import ApifyRunSensor
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

#: Fields of a run in other types than Apify documents.
WRONG = {
    "meta": 5,
    "stats": [],
    "options": "x",
    "usage": ["x"],
    "usageTotalUsd": "x",
    "statusMessage": {"a": 1},
    "pricingInfo": [1],
    "startedAt": 5,
    "finishedAt": "yesterday",
    "exitCode": "x",
    "buildNumber": {},
}
#: Values that are more than a log line, a metric or an XCom can hold.
TOO_MUCH = {
    "usage": {"A": 10**400, "B": -1, "x" * 10**5: 1, **{f"U{n}": n for n in range(5_000)}},
    "usageTotalUsd": 10**400,
    "statusMessage": "x" * 10**5,
    "exitCode": -(10**400),
    "startedAt": "9999-12-31T23:59:59Z",
    "buildNumber": {"__type": "dict", "__var": {}},
    "consoleUrl": "javascript:alert(1)",
}
MODES = [{}, {"deferrable": True}]


def run_actor(**kwargs: Any) -> RunActorOperator:
    arguments: dict[str, Any] = {"task_id": "run", "actor_id": "emulator/worker", "wait_for_completion": True}
    return RunActorOperator(**arguments | kwargs)


def result(operator: Any, tries: TaskTries) -> Any:
    """Execute a task to its end, through the triggerer if it defers."""
    try:
        return operator.execute(tries.context)
    except TaskDeferred as deferred:
        event = asyncio.run(event_of(deferred.trigger))
        return operator.execute_complete(tries.context, event)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [{"seconds": 60}, {"seconds": 60, "fail": True}])
@pytest.mark.parametrize("fields", [WRONG, TOO_MUCH], ids=["wrong", "too much"])
def test_fields_of_wrong_types_do_no_harm(
    emulator: Emulator, stored_tries: TaskTries, mode: Any, order: Any, fields: Any
) -> None:
    emulator.switches.unknown_fields = fields
    operator = run_actor(run_input=order, **mode)
    if order.get("fail"):
        with pytest.raises(ApifyRunFailedError):
            result(operator, stored_tries)
    else:
        info = result(operator, stored_tries)
        assert info["status"] == "SUCCEEDED"
        assert len(json.dumps(info, allow_nan=False)) <= 2_000
    assert stored_tries.ti.xcoms["_link_ApifyConsoleLink"].startswith("https://console.apify.com/")
    assert len(emulator.runs) == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_id_and_a_status_are_enough(
    emulator: Emulator, hook: ApifyHook, stored_tries: TaskTries, lineage: Any, deferrable: bool
) -> None:
    run_id = hook.start_actor_run("emulator/worker").id
    body = json.dumps({"data": {"id": run_id, "status": "SUCCEEDED"}})
    fault = Fault("answer", "GET", "/v2/actor-runs/*", (), 200, body=body, content_type="application/json")
    emulator.faults.add(fault)
    sensor = ApifyRunSensor(task_id="wait", run_id=run_id, deferrable=deferrable, actor_log="off")
    assert sensor.execute(stored_tries.context)["id"] == run_id


def test_runs_of_any_shape_do_not_break_the_search_for_a_lost_run(
    emulator: Emulator, task_tries: TaskTries, hook: ApifyHook
) -> None:
    hook.start_actor_run("emulator/worker")
    emulator.switches.unknown_fields = {"startedAt": None, "meta": [5]}
    emulator.faults.add(Fault("drop-after", "POST", "/v2/actors/*/runs", (1,)))
    with pytest.raises(ApifyStartUncertainError, match="cannot be told"):
        run_actor().execute(task_tries.context)
    assert len(emulator.runs) == 2


@pytest.mark.parametrize("mode", MODES)
def test_airflow_that_takes_no_report_fails_no_task(
    emulator: Emulator,
    task_tries: TaskTries,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Any,
    mode: Any,
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("nobody listens")

    from airflow.providers.common.compat.lineage import hook as hook_lineage

    monkeypatch.setattr(hook_lineage, "get_hook_lineage_collector", fail)
    monkeypatch.setattr(Stats, "gauge", fail)
    operator = run_actor(run_input={"seconds": 60}, **mode)
    context: Any = task_tries.context
    task_tries.ti.xcom_push = fail  # type: ignore[method-assign]
    assert result(operator, task_tries)["status"] == "SUCCEEDED"
    assert GetLastRunOperator(task_id="last", actor_id="emulator/worker").execute(context)["id"]
    for what in ("the link to https://", "the XComs of the run", "the lineage of apify://", "the metrics of"):
        assert read_log().count(f"Could not report {what}") >= 1
    assert len(emulator.runs) == 1


def test_a_store_that_fails_after_a_refusal_hides_no_refusal(
    emulator: Emulator, stored_tries: TaskTries, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.faults.add(
        Fault("answer", "POST", "/v2/actors/*/runs", (1,), status=402, type="actor-memory-limit-exceeded")
    )
    store: Any = stored_tries.store
    keep = store.set

    def fail_once(key: str, value: Any) -> None:
        if not value["sent"]:
            raise ConnectionError("the store is away")
        keep(key, value)

    monkeypatch.setattr(store, "set", fail_once)
    assert run_actor().execute(stored_tries.context)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("returns", ["items", "output"])
def test_what_a_later_step_needs_is_not_lost_silently(
    emulator: Emulator, stored_tries: TaskTries, returns: Any
) -> None:
    emulator.switches.unknown_fields = {"defaultDatasetId": None, "defaultKeyValueStoreId": None}
    with pytest.raises(ApifyDataError, match=r"The run \w+ succeeded, and .* Apify does not tell its"):
        run_actor(returns=returns).execute(stored_tries.context)


@pytest.mark.parametrize("mode", [*MODES, None])
def test_no_xcom_is_empty_where_airflow_refuses_that(
    hook: ApifyHook, stored_tries: TaskTries, monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    """As Airflow 3.0 does, which is not installed here."""
    operator: Any = run_actor(run_input={"seconds": 60}, **mode or {})
    if mode is None:
        run_id = hook.start_actor_run("emulator/worker").id
        operator = ApifyRunSensor(task_id="wait", run_id=run_id, deferrable=False, poke_interval=1)
    monkeypatch.setattr(xcom_results, "_TAKES_EMPTY_XCOMS", False)
    info = result(operator, stored_tries)
    assert None not in info.values()
    assert None not in stored_tries.ti.xcoms.values()
    assert {"id", "status", "defaultDatasetId", "consoleUrl", "usageTotalUsd"} <= info.keys()
