"""A run is started once, whatever happens to the worker, the trigger and the answers."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.distributed.conftest import Scene, World
from tests.distributed.installation import AIRFLOW_3

DAG = "starts"
MODES = ("worker", "deferred")


def prepare(world: World) -> None:
    world.switches.replica_lag_seconds = 10
    world.fault("killed_before_answer", "alter", latency=50)
    world.fault("lost_dropped", "drop-after")
    world.fault("lost_answered_502", "answer-after", status=502, body="<html>Bad gateway")
    world.fault("lost_read_timeout", "alter", latency=10)
    for mode in MODES:
        name = f"refused_{mode}"
        world.fault(name, "answer", (1, 2, 3), status=429, type="rate-limit-exceeded")
        world.fault(name, "answer", (4,), status=402, type="actor-memory-limit-exceeded")
        world.fault(name, "answer", (5,), status=402, type="concurrent-runs-limit-exceeded")


def kill_worker(scene: Scene, *task_ids: str) -> None:
    """Kill whatever the tasks run in: the Celery worker, or on 2.11 the processes of the tasks."""
    if AIRFLOW_3:
        scene.airflow.components["worker-2"].kill()
        scene.airflow.components["worker-2"].start()
        return
    for task_id in task_ids:
        supervisor = psutil.Process(scene.task(task_id)["pid"])
        for process in (*supervisor.children(recursive=True), supervisor):
            process.send_signal(signal.SIGKILL)


def test_a_worker_is_killed_before_the_answer_and_while_it_waits(scene: Scene, world: World) -> None:
    """Scenarios 1 and 2."""
    until = scene.airflow.rest.until
    until(lambda: world.runs_of("killed_before_answer"))
    until(lambda: "id" in scene.xcoms("killed_while_waiting"))
    kill_worker(scene, "killed_before_answer", "killed_while_waiting")
    until(
        lambda: (ti := scene.task("killed_while_waiting"))["try_number"] == 2 and ti["state"] == "running",
        120,
    )
    until(lambda: "id" in scene.xcoms("killed_while_waiting"))
    world.released["killed_while_waiting"].set()
    for task_id in ("killed_while_waiting", "killed_before_answer"):
        assert scene.ends_as(task_id) == "success"
        (run,) = world.runs_of(task_id)
        xcoms = scene.xcoms(task_id)
        assert run["id"] in str(xcoms["return_value"])
        assert "SUCCEEDED" in str(xcoms["status"])
        assert xcoms["defaultDatasetId"] == run["defaultDatasetId"]
        assert not world.aborts_of(task_id)


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_dies_right_after_the_answer(scene: Scene, world: World, mode: str) -> None:
    """Scenario 1."""
    task_id = f"killed_after_answer_{mode}"
    assert scene.ends_as(task_id) == "success"
    assert scene.task(task_id)["try_number"] == 2
    assert len(world.runs_of(task_id)) == 1
    assert not world.aborts_of(task_id)


def test_a_trigger_dies_with_an_error(scene: Scene, world: World) -> None:
    """Scenario 3."""
    task_id = "trigger_dies_deferred"
    scene.wait_for_try(2, task_id, "deferred")
    world.released[task_id].set()
    assert scene.ends_as(task_id) == "success"
    assert len(world.runs_of(task_id)) == 1
    assert not world.aborts_of(task_id)


@pytest.mark.parametrize("lost", ["dropped", "answered_502", "read_timeout"])
def test_the_answer_to_a_start_is_lost(scene: Scene, world: World, lost: str) -> None:
    """Scenario 4: the list lags by 10 s."""
    task_id = f"lost_{lost}"
    assert scene.ends_as(task_id) == "success"
    assert scene.task(task_id)["try_number"] == 1
    assert len(world.runs_of(task_id)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_start_is_refused_for_a_while(scene: Scene, world: World, mode: str) -> None:
    """Scenario 5."""
    task_id = f"refused_{mode}"
    assert scene.ends_as(task_id) == "success"
    assert scene.task(task_id)["try_number"] == 1
    assert len(world.runs_of(task_id)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_after_a_failed_run_starts_a_new_one(scene: Scene, world: World, mode: str) -> None:
    """Scenario 11."""
    task_id = f"run_failed_{mode}"
    assert scene.ends_as(task_id) == "success"
    assert [run["status"] for run in world.runs_of(task_id)] == ["FAILED", "SUCCEEDED"]


@pytest.mark.parametrize("mode", MODES)
def test_a_clear_of_a_green_task_starts_a_new_run(scene: Scene, world: World, mode: str) -> None:
    """Scenario 11."""
    task_id = f"cleared_green_{mode}"
    assert scene.ends_as(task_id) == "success"
    scene.clear(task_id)
    scene.wait_for_try(2, task_id, "success")
    assert [run["status"] for run in world.runs_of(task_id)] == ["SUCCEEDED", "SUCCEEDED"]
    assert not world.aborts_of(task_id)
