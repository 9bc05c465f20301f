"""What the user stops is stopped, once; what times out ends as it was told to."""

from __future__ import annotations

import pytest

from tests.distributed.conftest import Scene, World

DAG = "stops"
MODES = ("worker", "deferred")


def prepare(world: World) -> None:
    world.switches.replica_lag_seconds = 0


def waits(scene: Scene, task_id: str, mode: str, try_number: int = 1) -> bool:
    """Return whether the task waits for its run, on the worker or in the triggerer."""
    if mode == "worker":
        return scene.task(task_id)["state"] == "running" and "id" in scene.xcoms(task_id)
    # Until a triggerer has started the trigger, nothing of ours runs that could see a kill.
    return bool(scene.trigger_log(task_id, try_number))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("action", ["failed", "success"])
def test_a_user_marks_the_task(scene: Scene, world: World, mode: str, action: str) -> None:
    """Scenario 8."""
    task_id, until = f"{action}_{mode}", scene.airflow.rest.until
    until(lambda: waits(scene, task_id, mode), 120)
    scene.mark(task_id, action)
    until(lambda: world.aborts_of(task_id))
    (run,) = until(lambda: [run for run in world.runs_of(task_id) if run["status"] == "ABORTED"])
    assert scene.task(task_id)["state"] == action
    assert world.aborts_of(task_id) == [run["id"]]
    assert len(world.runs_of(task_id)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_user_clears_the_task(scene: Scene, world: World, mode: str) -> None:
    """Scenario 8."""
    task_id, until = f"clear_{mode}", scene.airflow.rest.until
    until(lambda: waits(scene, task_id, mode), 120)
    (first,) = world.runs_of(task_id)
    scene.clear(task_id)
    until(lambda: len(world.runs_of(task_id)) == 2)
    second = world.runs_of(task_id)[1]
    until(lambda: waits(scene, task_id, mode, 2) and scene.xcoms(task_id)["id"] == second["id"])
    until(lambda: first["id"] in world.aborts_of(task_id))
    assert world.aborts_of(task_id).count(first["id"]) == 1
    assert second["id"] not in world.aborts_of(task_id)
    scene.mark(task_id, "failed")
    until(lambda: [run["status"] for run in world.runs_of(task_id)] == ["ABORTED", "ABORTED"])
    assert sorted(world.aborts_of(task_id)) == sorted((first["id"], second["id"]))


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
