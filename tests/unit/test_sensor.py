"""The sensor, in each of its modes, over HTTP against the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_apify.api.errors import ApifyNotFoundError, ApifyRunFailedError, ApifyRunGoesOnError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.sensors.run import ApifyRunSensor
from tests.conftest import Tries, wait_until

pytestmark = pytest.mark.usefixtures("server", "hurried")

MODES = [{"deferrable": True}, {"deferrable": False, "mode": "poke", "poke_interval": 1}]


def sensor(run_id: str, **kwargs: Any) -> ApifyRunSensor:
    return ApifyRunSensor(**{"task_id": "wait", "run_id": run_id, **kwargs})


@pytest.fixture
def started(hook: Any) -> Any:
    """Start a run and return its ID."""
    return lambda **order: hook.start_actor_run("emulator/worker", order).id


@pytest.mark.parametrize("mode", MODES)
def test_returns_the_run_info(started: Any, tries: Tries, mode: Any) -> None:
    info = sensor(started(seconds=0.2), **mode).execute(tries.context)
    assert info["status"] == "SUCCEEDED"
    assert info["defaultDatasetId"]
    assert "/runs/" in tries.ti.xcoms["_link_ApifyConsoleLink"]


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_failed_run_fails_and_never_skips(
    hurried: Emulator, started: Any, tries: Tries, mode: Any, soft_fail: bool
) -> None:
    operator = sensor(started(fail=True), soft_fail=soft_fail, **mode)
    with pytest.raises(ApifyRunFailedError) as raised:
        operator.execute(tries.context)
    assert not isinstance(raised.value, AirflowException)


def test_defers_and_never_aborts(hurried: Emulator, started: Any, tries: Tries) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(started(seconds=600), timeout=1000).execute(tries.context)
    _, kwargs = deferred.value.trigger.serialize()
    assert not kwargs["cancel_on_kill"]
    assert 900 < kwargs["give_up_at"] - hurried.clock.time() <= 1000


@pytest.mark.parametrize(
    ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)]
)
def test_its_timeout_is_that_of_any_sensor(
    hurried: Emulator, started: Any, tries: Tries, soft_fail: bool, error: type[Exception]
) -> None:
    run_id = started(seconds=36000)
    event = {"end": "give_up_due", "run_id": run_id, "run": None, "message": "Too late."}
    operator = sensor(run_id, soft_fail=soft_fail)
    with pytest.raises(error):
        operator.resume_execution("execute_complete", {"event": event}, tries.context)
    assert not hurried.aborts


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
def test_an_event_that_says_nothing_certain_is_an_error(tries: Tries, event: Any, soft_fail: bool) -> None:
    with pytest.raises(Exception, match="says nothing certain") as raised:
        sensor("x", soft_fail=soft_fail).resume_execution("execute_complete", {"event": event}, tries.context)
    assert not isinstance(raised.value, AirflowSkipException)


def test_completes_from_the_event_alone(server: Any, started: Any, hook: Any, tries: Tries) -> None:
    run = hook.wait_for_run(started())
    event = {"end": "finished", "run_id": run.id, "run": run.info, "message": ""}
    server.__exit__(None, None, None)
    assert sensor(run.id).execute_complete(tries.context, event) == run.info


def test_poke_survives_trouble(hurried: Emulator, started: Any, tries: Tries) -> None:
    run_id = started(seconds=600)
    operator = sensor(run_id, deferrable=False)
    hurried.faults.add(Fault("answer", "GET", "/v2/actor-runs/*", status=503))
    assert not operator.poke(tries.context).is_done
    hurried.faults.clear()
    hurried.clock.advance(600)
    wait_until(lambda: hurried.runs[0]["finishedAt"])
    assert operator.poke(tries.context).is_done


def test_an_unknown_run_is_an_error_after_a_minute(hurried: Emulator, tries: Tries) -> None:
    begun = hurried.clock.time()
    with pytest.raises(ApifyNotFoundError, match="Check the ID"):
        sensor("0123456789abcdefg", deferrable=False).poke(tries.context)
    assert hurried.clock.time() - begun >= 60
    with pytest.raises((ApifyRunGoesOnError, TaskDeferred)):
        sensor("0123456789abcdefg").execute(tries.context)
