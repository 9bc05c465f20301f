"""The sensor, in each of its modes, over HTTP against the emulator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_apify.api.errors import ApifyNotFoundError, ApifyRunFailedError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.sensors.run import ApifyRunSensor
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

MODES = [{"deferrable": True}, {"deferrable": False, "mode": "poke", "poke_interval": 1}]


def sensor(run_id: str, **kwargs: Any) -> ApifyRunSensor:
    return ApifyRunSensor(**{"task_id": "wait", "run_id": run_id, **kwargs})


@pytest.fixture
def started(hook: Any) -> Any:
    """Start a run and return its ID."""
    return lambda **order: hook.start_actor_run("emulator/worker", order).id


@pytest.mark.parametrize("mode", MODES)
def test_the_sensor_returns_the_run_info(started: Any, stored_tries: TaskTries, mode: Any) -> None:
    info = sensor(started(seconds=0.2), **mode).execute(stored_tries.context)
    assert info["status"] == "SUCCEEDED"
    assert info["defaultDatasetId"]
    assert "/runs/" in stored_tries.ti.xcoms["_link_ApifyConsoleLink"]


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_failed_run_fails_and_never_skips(
    fast_clock: Emulator, started: Any, stored_tries: TaskTries, mode: Any, soft_fail: bool
) -> None:
    operator = sensor(started(fail=True), soft_fail=soft_fail, **mode)
    with pytest.raises(ApifyRunFailedError) as raised:
        operator.execute(stored_tries.context)
    assert not isinstance(raised.value, AirflowException)


def test_the_sensor_defers_and_never_aborts(
    fast_clock: Emulator, started: Any, stored_tries: TaskTries
) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(started(seconds=600), timeout=1000).execute(stored_tries.context)
    _, kwargs = deferred.value.trigger.serialize()
    assert not kwargs["cancel_on_kill"]
    assert 900 < kwargs["give_up_at"] - fast_clock.clock.time() <= 1000


@pytest.mark.parametrize(
    ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)]
)
def test_the_sensors_timeout_is_that_of_any_sensor(
    fast_clock: Emulator, started: Any, stored_tries: TaskTries, soft_fail: bool, error: type[Exception]
) -> None:
    run_id = started(seconds=36000)
    event = {"end": "give_up_due", "run_id": run_id, "run": None, "message": "Too late."}
    operator = sensor(run_id, soft_fail=soft_fail)
    with pytest.raises(error):
        operator.resume_execution("execute_complete", {"event": event}, stored_tries.context)
    assert not fast_clock.aborts


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"status": "success"},
        {"end": "finished", "run_id": "x", "run": None, "message": ""},
        {"end": "finished", "run_id": "x", "run": {"id": "x", "status": "RUNNING"}, "message": ""},
        {"end": "whatever", "run_id": "x", "run": None, "message": ""},
    ],
)
def test_an_event_that_says_nothing_certain_is_an_error(
    stored_tries: TaskTries, event: Any, soft_fail: bool
) -> None:
    with pytest.raises(Exception, match="says nothing certain") as raised:
        sensor("x", soft_fail=soft_fail).resume_execution(
            "execute_complete", {"event": event}, stored_tries.context
        )
    assert not isinstance(raised.value, AirflowSkipException)


def test_the_sensor_completes_from_the_event_alone(
    server: Any, started: Any, hook: Any, stored_tries: TaskTries
) -> None:
    run = hook.wait_for_run(started())
    event = {"end": "finished", "run_id": run.id, "run": run.info, "message": ""}
    server.__exit__(None, None, None)
    assert sensor(run.id).execute_complete(stored_tries.context, event) == run.info


def test_poke_survives_trouble(fast_clock: Emulator, started: Any, stored_tries: TaskTries) -> None:
    run_id = started(seconds=600)
    operator = sensor(run_id, deferrable=False)
    fast_clock.faults.add(Fault("answer", "GET", "/v2/actor-runs/*", status=503))
    assert not operator.poke(stored_tries.context).is_done
    fast_clock.faults.clear()
    fast_clock.clock.advance(600)
    wait_until(lambda: fast_clock.runs[0]["finishedAt"])
    assert operator.poke(stored_tries.context).is_done


def test_an_unknown_run_is_an_error_after_a_minute(fast_clock: Emulator, stored_tries: TaskTries) -> None:
    begun = fast_clock.clock.time()
    with pytest.raises(ApifyNotFoundError, match="Check the ID"):
        sensor("0123456789abcdefg", deferrable=False).poke(stored_tries.context)
    assert fast_clock.clock.time() - begun >= 60
    with pytest.raises(TaskDeferred) as deferred:
        sensor("0123456789abcdefg").execute(stored_tries.context)
    event = asyncio.run(event_of(deferred.value.trigger))
    with pytest.raises(ApifyNotFoundError, match=r"There is no run 0123456789abcdefg .* Check the ID"):
        sensor("0123456789abcdefg").execute_complete(stored_tries.context, event)


@pytest.mark.parametrize("mode", MODES)
def test_a_timeout_names_the_argument_the_run_its_page_and_what_to_do(
    fast_clock: Emulator, started: Any, stored_tries: TaskTries, mode: Any
) -> None:
    run_id = started(seconds=36000)
    operator = sensor(run_id, timeout=0, **mode)
    with pytest.raises((AirflowSensorTimeout, TaskDeferred)) as raised:
        operator.execute(stored_tries.context)
    if isinstance(raised.value, TaskDeferred):
        event = asyncio.run(event_of(raised.value.trigger))
        with pytest.raises(AirflowSensorTimeout) as raised:
            operator.execute_complete(stored_tries.context, event)
    page = f"https://console.apify.com/actors/runs/{run_id} "
    for words in ("`timeout` passed", f"the run {run_id} ", page, "goes on", "raise `timeout`"):
        assert words in str(raised.value)


@pytest.mark.parametrize("mode", MODES)
def test_execution_timeout_on_a_worker_names_the_run_and_leaves_it(
    fast_clock: Emulator, started: Any, stored_tries: TaskTries, monkeypatch: Any, mode: Any
) -> None:
    operator = sensor(run_id := started(seconds=36000), **mode)

    def interrupt(call: Any) -> Any:
        raise AirflowTaskTimeout("Timeout, PID: 1")

    monkeypatch.setattr(operator.hook.get_conn(), "send", interrupt)
    with pytest.raises(AirflowTaskTimeout, match=f"`execution_timeout` passed before the run {run_id}"):
        operator.execute(stored_tries.context)
    operator.on_kill()
    assert not fast_clock.aborts
