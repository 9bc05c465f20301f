"""The operators that start runs, over HTTP against the emulator."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowTaskTimeout, TaskDeferred

from airflow_provider_apify.api.errors import (
    ApifyCapacityError,
    ApifyConfigurationError,
    ApifyInputError,
    ApifyNotFoundError,
    ApifyRunAbortedError,
    ApifyRunError,
    ApifyRunFailedError,
    ApifyRunTimedOutError,
    ApifyWaitTimeoutError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from tests.support.connections import set_connection
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


def run_actor(**kwargs: Any) -> RunActorOperator:
    arguments: dict[str, Any] = {"task_id": "run", "actor_id": "emulator/worker"} | kwargs
    return RunActorOperator(**arguments)


def test_the_operator_starts_a_run_and_returns_its_info(emulator: Emulator, task_tries: TaskTries) -> None:
    info = run_actor(run_input={"seconds": 60}).execute(task_tries.context)
    (run,) = emulator.runs
    assert info["id"] == run["id"]
    assert info["defaultDatasetId"] == run["defaultDatasetId"]
    assert not run["finishedAt"]
    assert task_tries.ti.xcoms["_link_ApifyConsoleLink"] == info["consoleUrl"]
    assert len(str(info)) < 2000


@pytest.mark.parametrize("actor_id", ["emulator/worker", "emulator~worker", " emulator/worker "])
def test_an_actor_may_be_named_as_users_do(emulator: Emulator, task_tries: TaskTries, actor_id: str) -> None:
    run_actor(actor_id=actor_id).execute(task_tries.context)
    assert len(emulator.runs) == 1


def test_every_option_reaches_apify(emulator: Emulator, task_tries: TaskTries) -> None:
    run_actor(
        run_input='{"items": 1}',
        build="latest",
        memory_mbytes="256",
        run_timeout=timedelta(minutes=2),
        max_items=7,
        max_total_charge_usd="1.5",
        restart_on_error=True,
    ).execute(task_tries.context)
    options = emulator.runs[0]["options"]
    assert options["memoryMbytes"] == 256
    assert options["timeoutSecs"] == 120
    assert options["maxItems"] == 7
    assert options["maxTotalChargeUsd"] == 1.5


def test_a_saved_task_runs_with_the_input_laid_over_its_own(task_tries: TaskTries, hook: Any) -> None:
    operator = RunTaskOperator(
        task_id="run", actor_task_id="emulator/job", run_input={"items": 5}, wait_for_completion=True
    )
    info = operator.execute(task_tries.context)
    assert len(hook.get_items(info["defaultDatasetId"], format="json").items()) == 5
    assert info["actorTaskId"]


def test_the_log_tells_where_the_run_is_waited_for(
    fast_clock: Emulator, stored_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    operator = run_actor(run_input={"seconds": 600}, wait_for_completion=True, deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(stored_tries.context)
    assert f"Waiting for the run {fast_clock.runs[0]['id']} in the triggerer." in read_log()


def test_the_operator_waits_on_the_worker(task_tries: TaskTries) -> None:
    info = run_actor(run_input={"seconds": 0.2}, wait_for_completion=True).execute(task_tries.context)
    assert info["status"] == "SUCCEEDED"
    assert info["finishedAt"]


def test_a_run_that_ends_at_once_needs_no_deferral(task_tries: TaskTries) -> None:
    operator = run_actor(wait_for_completion=True, deferrable=True)
    assert operator.execute(task_tries.context)["status"] == "SUCCEEDED"


def test_a_longer_run_is_deferred(fast_clock: Emulator, task_tries: TaskTries) -> None:
    operator = run_actor(
        run_input={"seconds": 600},
        wait_for_completion=True,
        deferrable=True,
        execution_timeout=timedelta(hours=1),
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(task_tries.context)
    _, kwargs = deferred.value.trigger.serialize()
    assert kwargs["run_id"] == fast_clock.runs[0]["id"]
    assert kwargs["cancel_on_kill"]
    assert 3500 < kwargs["abort_at"] - fast_clock.clock.time() < 3600


@pytest.mark.parametrize(
    ("order", "arguments", "error", "words"),
    [
        (
            {"fail": True, "status_message": "Out of cheese"},
            {},
            ApifyRunFailedError,
            ["FAILED", "exit code 1", "Out of cheese", "console.apify.com", "about to fail"],
        ),
        ({"seconds": 30}, {"run_timeout": 1}, ApifyRunTimedOutError, ["TIMED-OUT", "console.apify.com"]),
    ],
)
def test_a_run_without_success_fails_the_task_and_says_why(
    fast_clock: Emulator,
    task_tries: TaskTries,
    order: Any,
    arguments: Any,
    error: type[ApifyRunError],
    words: list[str],
) -> None:
    operator = run_actor(run_input=order, wait_for_completion=True, **arguments)
    with pytest.raises(error) as raised:
        operator.execute(task_tries.context)
    for word in words:
        assert word in str(raised.value)
    assert raised.value.run["id"] == fast_clock.runs[0]["id"]


def test_a_run_that_somebody_aborts_fails_the_task(
    fast_clock: Emulator, task_tries: TaskTries, hook: Any
) -> None:
    operator = run_actor(run_input={"seconds": 3600}, wait_for_completion=True)

    def abort_from_console(key: str, value: Any) -> None:
        hook.abort_run(fast_clock.runs[0]["id"])

    task_tries.ti.xcom_push = abort_from_console  # type: ignore[method-assign]
    with pytest.raises(ApifyRunAbortedError, match="ABORTED"):
        operator.execute(task_tries.context)


def test_wait_timeout_leaves_the_run(fast_clock: Emulator, task_tries: TaskTries) -> None:
    operator = run_actor(
        run_input={"seconds": 3600}, wait_for_completion=True, wait_timeout=timedelta(minutes=3)
    )
    with pytest.raises(ApifyWaitTimeoutError) as raised:
        operator.execute(task_tries.context)
    run_id = fast_clock.runs[0]["id"]
    assert raised.value.run_id == run_id
    page = f"https://console.apify.com/actors/runs/{run_id} "
    for words in ("`wait_timeout` passed", f"the run {run_id} ", page, "goes on", "raise `wait_timeout`"):
        assert words in str(raised.value)
    assert not fast_clock.aborts


@pytest.mark.parametrize("cancel", [True, False])
def test_execution_timeout_on_a_worker_names_the_run(
    fast_clock: Emulator, task_tries: TaskTries, monkeypatch: pytest.MonkeyPatch, cancel: bool
) -> None:
    operator = run_actor(run_input={"seconds": 36000}, wait_for_completion=True, cancel_on_kill=cancel)
    client = operator.hook.get_conn()
    send = client.send

    def interrupt_the_wait(call: Any) -> Any:
        if call.method == "GET" and "actor-runs/" in call.path:
            raise AirflowTaskTimeout("Timeout, PID: 1")
        return send(call)

    def execute_as_airflow_does() -> None:
        try:
            operator.execute(task_tries.context)
        except AirflowTaskTimeout:
            operator.on_kill()
            raise

    monkeypatch.setattr(client, "send", interrupt_the_wait)
    with pytest.raises(AirflowTaskTimeout) as raised:
        execute_as_airflow_does()
    run_id = fast_clock.runs[0]["id"]
    page = f"https://console.apify.com/actors/runs/{run_id} "
    what = "is aborted" if cancel else "goes on"
    for words in ("`execution_timeout` passed", f"run {run_id} ", page, what, "raise `execution_timeout`"):
        assert words in str(raised.value)
    assert len(fast_clock.aborts) == cancel


@pytest.mark.parametrize(("order", "error"), [({}, None), ({"fail": True}, ApifyRunFailedError)])
def test_a_run_that_ended_before_its_abort_counts_as_it_ended(
    fast_clock: Emulator, task_tries: TaskTries, hook: Any, order: Any, error: Any
) -> None:
    run_id = hook.start_actor_run("emulator/worker", order).id
    wait_until(lambda: fast_clock.runs[0]["finishedAt"])
    event = {"end": "abort_due", "run_id": run_id, "run": None, "message": ""}
    for run in (None, hook.get_run(run_id).info):
        operator = run_actor(wait_for_completion=True, deferrable=True)
        if error:
            with pytest.raises(error):
                operator.execute_complete(task_tries.context, {**event, "run": run})
        else:
            info = operator.execute_complete(task_tries.context, {**event, "run": run})
            assert info["status"] == "SUCCEEDED"


@pytest.mark.parametrize("cancel", [True, False])
def test_execution_timeout_aborts_the_run_in_the_triggerer(
    fast_clock: Emulator, task_tries: TaskTries, cancel: bool
) -> None:
    operator = run_actor(
        run_input={"seconds": 3600},
        wait_for_completion=True,
        deferrable=True,
        cancel_on_kill=cancel,
        execution_timeout=timedelta(minutes=3),
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(task_tries.context)
    event = asyncio.run(event_of(deferred.value.trigger))
    error = ApifyRunAbortedError if cancel else ApifyWaitTimeoutError
    page = f"https://console.apify.com/actors/runs/{fast_clock.runs[0]['id']}"
    with pytest.raises(error, match=f"`execution_timeout` passed.* {page} .*raise `execution_timeout`"):
        operator.execute_complete(task_tries.context, event)
    assert len(fast_clock.aborts) == cancel


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"actor_id": ""}, ApifyConfigurationError, "`actor_id` must be an ID"),
        ({"actor_id": None}, ApifyConfigurationError, "`actor_id` must be an ID"),
        ({"actor_id": "a/b/c"}, ApifyConfigurationError, "`actor_id` must be an ID"),
        ({"actor_id": "emulator/nobody"}, ApifyNotFoundError, "record-not-found"),
        ({"run_input": "{not json"}, ApifyConfigurationError, "not JSON"),
        ({"run_input": {"x": object()}}, ApifyConfigurationError, "not JSON"),
        ({"run_input": {"x": float("nan")}}, ApifyConfigurationError, "not JSON"),
        ({"run_input": {"text": "x" * 10_000_000}}, ApifyConfigurationError, "9,437,184"),
        ({"memory_mbytes": 1000}, ApifyConfigurationError, "power of two"),
        ({"memory_mbytes": "lots"}, ApifyConfigurationError, "memory_mbytes"),
        ({"run_timeout": -1}, ApifyConfigurationError, "run_timeout"),
        ({"max_items": 0}, ApifyConfigurationError, "max_items"),
        ({"actor_id": {"id": "x"}}, ApifyConfigurationError, r'run.output\["id"\]'),
        ({"on_retry": "resurect"}, ApifyConfigurationError, "'new', 'resurrect'"),
        ({"actor_log": "all"}, ApifyConfigurationError, "'off', 'tail', 'full'"),
        ({"wait_timeout": "an hour"}, ApifyConfigurationError, "wait_timeout"),
        ({"build": "no-such-build"}, ApifyInputError, "unknown-build-tag"),
    ],
)
def test_bad_input_costs_nothing(
    emulator: Emulator, task_tries: TaskTries, arguments: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run_actor(**arguments).execute(task_tries.context)
    assert not emulator.runs


@pytest.mark.parametrize(
    "argument", [{"deferrable": True}, {"wait_timeout": 60}, {"actor_log": "full"}, {"returns": "items"}]
)
def test_what_needs_a_wait_is_refused_without_one(
    emulator: Emulator, stored_tries: TaskTries, argument: dict[str, Any]
) -> None:
    (name,) = argument
    with pytest.raises(ApifyConfigurationError, match=f"`{name}=.*needs `wait_for_completion=True`"):
        run_actor(**argument).execute(stored_tries.context)
    assert not emulator.requests
    assert run_actor(**argument, wait_for_completion=True).execute(stored_tries.context)


def test_airflows_default_of_deferrable_is_no_wish_to_wait(
    emulator: Emulator, stored_tries: TaskTries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[operators] default_deferrable`, which is read when the module is imported."""
    monkeypatch.setattr("airflow_provider_apify.operators.run._DEFAULT_DEFERRABLE", True)
    assert run_actor(deferrable=True).execute(stored_tries.context)["id"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, {"id", "defaultDatasetId", "defaultKeyValueStoreId"}),
        ({"returns": "items"}, {"id", "defaultDatasetId", "defaultKeyValueStoreId"}),
        ({"do_xcom_push": False}, set()),
        ({"multiple_outputs": False}, set()),
        ({"multiple_outputs": False, "returns": "items"}, set()),
    ],
)
def test_xcoms_are_pushed_as_airflows_arguments_say(
    stored_tries: TaskTries, arguments: Any, told: set[str]
) -> None:
    run_actor(**arguments, wait_for_completion=True).execute(stored_tries.context)
    assert stored_tries.ti.xcoms.keys() == {"_link_ApifyConsoleLink", *told}


def test_unknown_task_costs_nothing(emulator: Emulator, task_tries: TaskTries) -> None:
    with pytest.raises(ApifyNotFoundError, match="record-not-found"):
        RunTaskOperator(task_id="run", actor_task_id="emulator/nothing").execute(task_tries.context)
    assert not emulator.runs


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ({"password": ""}, "no API token"),
        ({"password": "wrong"}, "valid API token"),
        ({"password": "x", "host": "http://127.0.0.1:9"}, "host and proxy"),
        ({"password": "x", "extra": {"request_timeout": "soon"}}, "request_timeout"),
    ],
)
def test_bad_connection_costs_nothing(
    server: Any, fast_clock: Emulator, task_tries: TaskTries, monkeypatch: Any, connection: Any, words: str
) -> None:
    set_connection(monkeypatch, **({"host": server.url} | connection))
    with pytest.raises(Exception, match=words):
        run_actor().execute(task_tries.context)
    assert not fast_clock.runs


def test_missing_connection_says_how_to_make_one(emulator: Emulator, task_tries: TaskTries) -> None:
    with pytest.raises(ApifyConfigurationError, match="AIRFLOW_CONN_APIFY_NOWHERE"):
        run_actor(apify_conn_id="apify_nowhere").execute(task_tries.context)
    assert not emulator.requests


def test_capacity_is_waited_for(fast_clock: Emulator, task_tries: TaskTries) -> None:
    fast_clock.faults.add(
        Fault("answer", "POST", "/v2/actors/*/runs", (1, 2), status=402, type="actor-memory-limit-exceeded")
    )
    run_actor().execute(task_tries.context)
    assert len(fast_clock.runs) == 1


def test_capacity_is_waited_for_in_the_triggerer(fast_clock: Emulator, task_tries: TaskTries) -> None:
    fast_clock.faults.add(
        Fault("answer", "POST", "/v2/actors/*/runs", (1,), status=402, type="concurrent-runs-limit-exceeded")
    )
    operator = run_actor(deferrable=True, wait_for_completion=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(task_tries.context)
    assert not fast_clock.runs
    operator = run_actor(deferrable=True, wait_for_completion=True)
    info = getattr(operator, deferred.value.method_name)(task_tries.context, deferred.value.trigger.event)
    assert info["status"] == "SUCCEEDED"
    assert len(fast_clock.runs) == 1


def test_capacity_is_not_waited_for_beyond_the_execution_timeout(
    fast_clock: Emulator, task_tries: TaskTries
) -> None:
    refusal: dict[str, Any] = {"status": 402, "type": "actor-memory-limit-exceeded"}
    fast_clock.faults.add(Fault("answer", "POST", "/v2/actors/*/runs", tuple(range(1, 9)), **refusal))
    begun = fast_clock.clock.time()
    operator = run_actor(wait_for_completion=True, deferrable=True, execution_timeout=timedelta(minutes=3))

    def go_on(method: str, *arguments: Any) -> None:
        try:
            getattr(operator, method)(task_tries.context, *arguments)
        except TaskDeferred as deferred:
            trigger: Any = deferred.trigger
            assert trigger.retry_at <= begun + 180 + 30
            fast_clock.clock.advance(max(0.0, trigger.retry_at - fast_clock.clock.time()))
            go_on(deferred.method_name, trigger.event)

    with pytest.raises(ApifyCapacityError, match="`execution_timeout` passed"):
        go_on("execute")
    assert not fast_clock.runs


@pytest.mark.parametrize("patience", [None, timedelta(minutes=10)])
def test_capacity_is_not_waited_for_longer_than_asked(
    fast_clock: Emulator, task_tries: TaskTries, patience: timedelta | None
) -> None:
    fast_clock.faults.add(
        Fault("answer", "POST", "/v2/actors/*/runs", status=402, type="actor-memory-limit-exceeded")
    )
    with pytest.raises(ApifyCapacityError, match="Nothing was started"):
        run_actor(wait_for_capacity=patience).execute(task_tries.context)
    # The first seven pauses have at least 610 s together.
    assert len([seen for seen in fast_clock.requests if seen.method == "POST"]) <= (8 if patience else 1)


@pytest.mark.parametrize("operator", [RunActorOperator, RunTaskOperator])
def test_default_args_reach_every_parameter(operator: Any) -> None:
    parameters = [name for name in inspect.signature(operator).parameters if name != "kwargs"]
    arguments = {name: f"default {name}" for name in parameters}
    task = operator(task_id="run", default_args=arguments)
    assert {name: getattr(task, name) for name in parameters} == arguments


def test_only_the_run_info_makes_an_xcom_of_each_key() -> None:
    assert run_actor().multiple_outputs is True
    assert run_actor(multiple_outputs=False).multiple_outputs is False
    assert run_actor(returns="items", wait_for_completion=True).multiple_outputs is False


def test_a_saved_task_is_run_like_an_actor() -> None:
    of_actor, of_task = (
        {name: one.default for name, one in inspect.signature(operator).parameters.items()}
        for operator in (RunActorOperator, RunTaskOperator)
    )
    assert of_actor.pop("actor_id") is of_task.pop("actor_task_id")
    assert of_actor == of_task
    assert of_actor["wait_for_capacity"] == timedelta(hours=1)
    assert of_actor["deferrable"] is False


def test_every_parameter_can_be_mapped() -> None:
    with DAG("dag", schedule=None, default_args={"build": "beta"}):
        mapped = RunTaskOperator.partial(task_id="run", actor_task_id="emulator/job", durable=False).expand(
            run_input=[{"items": 1}, {"items": 2}]
        )
        with pytest.raises(TypeError, match="items"):
            RunTaskOperator.partial(task_id="other", actor_task_id="emulator/job", items=1)
    task: Any = mapped.unmap({"run_input": {"items": 2}})
    assert (task.actor_task_id, task.durable, task.build) == ("emulator/job", False, "beta")
    assert (task.run_input, task.on_retry) == ({"items": 2}, "new")
