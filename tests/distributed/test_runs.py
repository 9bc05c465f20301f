"""A run is started once, and what the user stops is stopped once, whatever happens around it."""

from __future__ import annotations

import psutil
import pytest

from tests.distributed.conftest import Scene, World
from tests.distributed.installation import AIRFLOW_3, kill_tree

DAG = "runs"
MODES = ("worker", "deferred")
# Airflow 2 may take a running task for a zombie in the second after its Clear, and retry it while it goes on.
CLEARED = MODES if AIRFLOW_3 else ("deferred",)


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
        # Its process, and the one that watches it.
        watcher = psutil.Process(scene.task(task_id)["pid"]).parent()
        assert watcher is not None
        kill_tree(watcher.pid)


def test_a_worker_is_killed_before_the_answer_and_while_it_waits(scene: Scene, world: World) -> None:
    """Scenarios 1 and 2."""
    until = scene.until
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


def test_a_worker_is_told_to_shut_down(scene: Scene, world: World) -> None:
    """As a node that is drained does it: nobody has stopped the task, so nothing is aborted."""
    task_id, until = "shut_down_worker", scene.until
    until(lambda: waits(scene, task_id, "worker"))
    watcher = psutil.Process(scene.task(task_id)["pid"]).parent()
    assert watcher is not None
    watcher.terminate()
    until(lambda: "Nobody stopped this task" in scene.log(task_id))
    world.released[task_id].set()
    assert scene.ends_as(task_id) == "success"
    assert len(world.runs_of(task_id)) == 1
    assert not world.aborts_of(task_id)


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_dies_right_after_the_answer(scene: Scene, world: World, mode: str) -> None:
    """Scenario 1."""
    task_id = f"killed_after_answer_{mode}"
    assert scene.ends_as(task_id) == "success"
    assert scene.task(task_id)["try_number"] > 1
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


def test_a_clear_of_a_green_task_starts_a_new_run(scene: Scene, world: World) -> None:
    """Scenario 11."""
    task_ids = [f"cleared_green_{mode}" for mode in MODES]
    for task_id in task_ids:
        assert scene.ends_as(task_id) == "success"
        scene.clear(task_id)
    for task_id in task_ids:
        scene.wait_for_try(2, task_id, "success")
        assert [run["status"] for run in world.runs_of(task_id)] == ["SUCCEEDED", "SUCCEEDED"]
        assert not world.aborts_of(task_id)


def waits(scene: Scene, task_id: str, mode: str, try_number: int = 1) -> bool:
    """Return whether the task waits for its run, on the worker or in the triggerer."""
    if mode == "worker":
        # A kill leaves a worker five seconds: too few to abort a run that Apify does not show yet.
        visible = scene.world.are_visible(task_id)
        return visible and scene.task(task_id)["state"] == "running" and "id" in scene.xcoms(task_id)
    # Until a triggerer has started the trigger, nothing of ours runs that could see a kill.
    return bool(scene.trigger_log(task_id, try_number))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("action", ["failed", "success"])
def test_a_user_marks_the_task(scene: Scene, world: World, mode: str, action: str) -> None:
    """Scenario 8."""
    task_id, until = f"{action}_{mode}", scene.until
    until(lambda: waits(scene, task_id, mode))
    scene.mark(task_id, action)
    until(lambda: world.aborts_of(task_id))
    (run,) = until(lambda: [run for run in world.runs_of(task_id) if run["status"] == "ABORTED"])
    assert scene.task(task_id)["state"] == action
    assert world.aborts_of(task_id) == [run["id"]]
    assert len(world.runs_of(task_id)) == 1


@pytest.fixture(scope="module")
def cleared(scene: Scene, world: World) -> dict[str, str]:
    """The runs of two waiting tasks, which are cleared at the same time: Airflow 2 takes a minute then."""

    def clear(mode: str) -> str:
        task_id = f"clear_{mode}"
        scene.until(lambda: waits(scene, task_id, mode))
        (run,) = world.runs_of(task_id)
        scene.clear(task_id)
        return str(run["id"])

    return {mode: clear(mode) for mode in CLEARED}


@pytest.mark.parametrize("mode", CLEARED)
def test_a_user_clears_the_task(scene: Scene, world: World, cleared: dict[str, str], mode: str) -> None:
    """Scenario 8."""
    task_id, until, old = f"clear_{mode}", scene.until, cleared[mode]
    until(lambda: len(world.runs_of(task_id)) == 2)
    new = world.runs_of(task_id)[1]["id"]
    until(lambda: waits(scene, task_id, mode, 2) and scene.xcoms(task_id)["id"] == new)
    assert world.aborts_of(task_id) == [old]
    scene.mark(task_id, "failed")
    until(lambda: [run["status"] for run in world.runs_of(task_id)] == ["ABORTED", "ABORTED"])
    assert world.aborts_of(task_id) == [old, new]


@pytest.mark.parametrize("mode", MODES)
def test_execution_timeout(scene: Scene, world: World, mode: str) -> None:
    """Scenario 9."""
    task_id = f"execution_timeout_{mode}"
    assert scene.ends_as(task_id) == "failed"
    (run,) = world.runs_of(task_id)
    assert world.aborts_of(task_id) == [run["id"]]


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_after_execution_timeout_starts_a_new_run(scene: Scene, world: World, mode: str) -> None:
    task_id = f"execution_timeout_retried_{mode}"
    assert scene.ends_as(task_id) == "success"
    first, second = world.runs_of(task_id)
    assert world.aborts_of(task_id) == [first["id"]]
    assert second["status"] == "SUCCEEDED"


@pytest.mark.parametrize("mode", MODES)
def test_wait_timeout_leaves_the_run(scene: Scene, world: World, mode: str) -> None:
    task_id = f"wait_timeout_{mode}"
    assert scene.ends_as(task_id) == "failed"
    (run,) = world.runs_of(task_id)
    assert run["status"] == "RUNNING"
    assert not world.aborts_of(task_id)
    assert "may be going on" in scene.log(task_id)
