"""A run that ends around the deferral has the right outcome (scenario 10)."""

from __future__ import annotations

import pytest

from tests.distributed.conftest import ScenarioEmulator, ScenarioRun

DAG = "ends"


def prepare(emulator: ScenarioEmulator) -> None:
    emulator.switches.replica_lag_seconds = 0


@pytest.mark.parametrize("seconds", [0, 1])
@pytest.mark.parametrize(("end", "state"), [("succeeded", "success"), ("failed", "failed")])
def test_before_it_without_a_trigger(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, end: str, state: str, seconds: int
) -> None:
    task_id = f"{end}_after_{seconds}_s_deferred"
    assert dag_run.final_state(task_id) == state
    assert [run["status"] for run in emulator.runs_of(task_id)] == [end.upper()]
    assert "in the triggerer" not in dag_run.task_log(task_id)


def test_within_a_second_after_it(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> None:
    task_ids = [f"right_after_{number}_deferred" for number in range(5)]
    waiting = set(task_ids)
    while waiting:
        for task_id in tuple(waiting):
            if dag_run.task_instance(task_id)["state"] == "deferred":
                emulator.released[task_id].set()
                waiting.remove(task_id)
    for task_id in task_ids:
        assert dag_run.final_state(task_id) == "success"
        assert dag_run.task_instance(task_id)["try_number"] == 1
        assert len(emulator.runs_of(task_id)) == 1
