"""A run is started once, and what the user stops is stopped once, whatever happens around it."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.distributed.cluster import AIRFLOW_3
from tests.distributed.conftest import ScenarioEmulator, ScenarioRun
from tests.support.processes import kill_process_tree, signal_process_tree

DAG = "runs"
MODES = ("worker", "deferred")
# Airflow 2 may take a running task for a zombie in the second after its Clear, and retry it while it goes on.
CLEARED = MODES if AIRFLOW_3 else ("deferred",)

# Airflow 2 does not tell a thawed task to stop while its retry runs on a worker.
FROZEN = MODES if AIRFLOW_3 else ("deferred",)


def prepare(emulator: ScenarioEmulator) -> None:
    emulator.switches.replica_lag_seconds = 10
    emulator.add_start_fault("killed_before_answer", "alter", latency=50)
    emulator.add_start_fault("lost_dropped", "drop-after")
    emulator.add_start_fault("lost_answered_502", "answer-after", status=502, body="<html>Bad gateway")
    emulator.add_start_fault("lost_read_timeout", "alter", latency=10)
    for mode in MODES:
        name = f"refused_{mode}"
        emulator.add_start_fault(name, "answer", (1, 2, 3), status=429, type="rate-limit-exceeded")
        emulator.add_start_fault(name, "answer", (4,), status=402, type="actor-memory-limit-exceeded")
        emulator.add_start_fault(name, "answer", (5,), status=402, type="concurrent-runs-limit-exceeded")


def watcher_of(dag_run: ScenarioRun, task_id: str) -> psutil.Process:
    """Return the process that watches the one of a running task."""
    watcher = psutil.Process(dag_run.task_instance(task_id)["pid"]).parent()
    assert watcher is not None
    return watcher


def kill_worker(dag_run: ScenarioRun, *task_ids: str) -> None:
    """Kill the Celery worker that the tasks run in, or on 2.11 the processes of the tasks."""
    if AIRFLOW_3:
        dag_run.cluster.components["worker-2"].kill()
        dag_run.cluster.components["worker-2"].start()
        return
    for task_id in task_ids:
        # Its process, and the one that watches it.
        kill_process_tree(watcher_of(dag_run, task_id).pid)


def test_a_killed_worker_leaves_one_run_per_task(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> None:
    until = dag_run.until
    until(lambda: emulator.runs_of("killed_before_answer"))
    until(lambda: "id" in dag_run.xcoms("killed_while_waiting"))
    kill_worker(dag_run, "killed_before_answer", "killed_while_waiting")
    dag_run.wait_for_try(2, "killed_while_waiting", "running", 120)
    until(lambda: "id" in dag_run.xcoms("killed_while_waiting"))
    emulator.released["killed_while_waiting"].set()
    for task_id in ("killed_while_waiting", "killed_before_answer"):
        dag_run.assert_one_run(task_id)
        (run,) = emulator.runs_of(task_id)
        xcoms = dag_run.xcoms(task_id)
        assert run["id"] in str(xcoms["return_value"])
        assert "SUCCEEDED" in str(xcoms["status"])
        assert xcoms["defaultDatasetId"] == run["defaultDatasetId"]


def test_a_worker_that_shuts_down_aborts_nothing(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> None:
    """A node that is drained stops its workers, but nobody has stopped the task."""
    task_id, until = "shut_down_worker", dag_run.until
    until(lambda: is_waited_for(dag_run, task_id, "worker"))
    watcher_of(dag_run, task_id).terminate()
    until(lambda: "Nobody stopped this task" in dag_run.task_log(task_id))
    emulator.released[task_id].set()
    dag_run.assert_one_run(task_id)


@pytest.mark.parametrize("mode", FROZEN)
def test_a_frozen_worker_that_thaws_leaves_the_run_to_the_retry(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, mode: str
) -> None:
    """Airflow takes it for dead, and tells it to stop once it is back."""
    task_id, until = f"frozen_{mode}", dag_run.until
    until(lambda: is_waited_for(dag_run, task_id, "worker"))
    task, watcher = dag_run.task_instance(task_id)["pid"], watcher_of(dag_run, task_id)
    signal_process_tree(watcher.pid, signal.SIGSTOP)
    dag_run.wait_for_try(2, task_id, "running" if mode == "worker" else "deferred")
    signal_process_tree(watcher.pid, signal.SIGCONT)
    until(lambda: not psutil.pid_exists(task))
    assert not emulator.aborts_of(task_id)
    emulator.released[task_id].set()
    dag_run.assert_one_run(task_id)


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_finds_the_run_that_a_dead_worker_started(dag_run: ScenarioRun, mode: str) -> None:
    task_id = f"killed_after_answer_{mode}"
    dag_run.assert_one_run(task_id)
    assert dag_run.task_instance(task_id)["try_number"] > 1


def test_a_retry_finds_the_run_whose_trigger_died(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> None:
    task_id = "trigger_dies_deferred"
    dag_run.wait_for_try(2, task_id, "deferred")
    emulator.released[task_id].set()
    dag_run.assert_one_run(task_id)


@pytest.mark.parametrize("lost", ["dropped", "answered_502", "read_timeout"])
def test_a_start_whose_answer_is_lost_is_found(dag_run: ScenarioRun, lost: str) -> None:
    """The list of runs lags by 10 s."""
    dag_run.assert_one_run(f"lost_{lost}", try_number=1)


@pytest.mark.parametrize("mode", MODES)
def test_a_start_that_is_refused_is_repeated(dag_run: ScenarioRun, mode: str) -> None:
    dag_run.assert_one_run(f"refused_{mode}", try_number=1)


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_after_a_failed_run_starts_a_new_one(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, mode: str
) -> None:
    task_id = f"run_failed_{mode}"
    assert dag_run.final_state(task_id) == "success"
    assert emulator.statuses_of(task_id) == ["FAILED", "SUCCEEDED"]


def test_a_clear_of_a_green_task_starts_a_new_run(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> None:
    task_ids = [f"cleared_green_{mode}" for mode in MODES]
    for task_id in task_ids:
        assert dag_run.final_state(task_id) == "success"
        dag_run.clear(task_id)
    for task_id in task_ids:
        dag_run.wait_for_try(2, task_id, "success")
        assert emulator.statuses_of(task_id) == ["SUCCEEDED", "SUCCEEDED"]
        assert not emulator.aborts_of(task_id)


def is_waited_for(dag_run: ScenarioRun, task_id: str, mode: str, try_number: int = 1) -> bool:
    """Return whether the task waits for its run, on the worker or in the triggerer."""
    if mode == "worker":
        # A kill leaves a worker five seconds: too few to abort a run that Apify does not show yet.
        visible = dag_run.emulator.are_visible(task_id)
        return (
            visible
            and dag_run.task_instance(task_id)["state"] == "running"
            and "id" in dag_run.xcoms(task_id)
        )
    # Until a triggerer has started the trigger, nothing of ours runs that could see a kill.
    return bool(dag_run.trigger_log(task_id, try_number))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("action", ["failed", "success"])
def test_a_user_who_marks_the_task_aborts_its_run_once(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, mode: str, action: str
) -> None:
    task_id, until = f"{action}_{mode}", dag_run.until
    until(lambda: is_waited_for(dag_run, task_id, mode))
    dag_run.mark(task_id, action)
    until(lambda: emulator.aborts_of(task_id))
    (run,) = until(lambda: [run for run in emulator.runs_of(task_id) if run["status"] == "ABORTED"])
    assert dag_run.task_instance(task_id)["state"] == action
    assert emulator.aborts_of(task_id) == [run["id"]]
    assert len(emulator.runs_of(task_id)) == 1


@pytest.fixture(scope="module")
def cleared(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> dict[str, str]:
    """The runs of two waiting tasks that are cleared at the same time: Airflow 2 takes a minute then."""

    def clear(mode: str) -> str:
        task_id = f"clear_{mode}"
        dag_run.until(lambda: is_waited_for(dag_run, task_id, mode))
        (run,) = emulator.runs_of(task_id)
        dag_run.clear(task_id)
        return str(run["id"])

    return {mode: clear(mode) for mode in CLEARED}


@pytest.mark.parametrize("mode", CLEARED)
def test_a_clear_aborts_the_old_run_and_starts_a_new_one(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, cleared: dict[str, str], mode: str
) -> None:
    task_id, until, old = f"clear_{mode}", dag_run.until, cleared[mode]
    until(lambda: len(emulator.runs_of(task_id)) == 2)
    new = emulator.runs_of(task_id)[1]["id"]
    until(lambda: is_waited_for(dag_run, task_id, mode, 2) and dag_run.xcoms(task_id)["id"] == new)
    assert emulator.aborts_of(task_id) == [old]
    dag_run.mark(task_id, "failed")
    until(lambda: emulator.statuses_of(task_id) == ["ABORTED", "ABORTED"])
    assert emulator.aborts_of(task_id) == [old, new]


@pytest.mark.parametrize("mode", MODES)
def test_execution_timeout_aborts_the_run(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, mode: str
) -> None:
    task_id = f"execution_timeout_{mode}"
    assert dag_run.final_state(task_id) == "failed"
    (run,) = emulator.runs_of(task_id)
    assert emulator.aborts_of(task_id) == [run["id"]]


@pytest.mark.parametrize("mode", MODES)
def test_a_retry_after_execution_timeout_starts_a_new_run(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, mode: str
) -> None:
    task_id = f"execution_timeout_retried_{mode}"
    assert dag_run.final_state(task_id) == "success"
    first, second = emulator.runs_of(task_id)
    assert emulator.aborts_of(task_id) == [first["id"]]
    assert second["status"] == "SUCCEEDED"


@pytest.mark.parametrize("mode", MODES)
def test_wait_timeout_leaves_the_run(dag_run: ScenarioRun, emulator: ScenarioEmulator, mode: str) -> None:
    task_id = f"wait_timeout_{mode}"
    assert dag_run.final_state(task_id) == "failed"
    (run,) = emulator.runs_of(task_id)
    assert run["status"] == "RUNNING"
    assert not emulator.aborts_of(task_id)
    assert f"`wait_timeout` passed before the run {run['id']} ended. It goes on" in dag_run.task_log(task_id)
