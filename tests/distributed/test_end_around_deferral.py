"""A run that ends around the deferral of its task has the right outcome."""

from __future__ import annotations

import pytest

from tests.distributed.conftest import ScenarioEmulator, ScenarioRun

DAG = "ends"
RIGHT_AFTER = [f"right_after_{number}_deferred" for number in range(5)]


def prepare(emulator: ScenarioEmulator) -> None:
    emulator.switches.replica_lag_seconds = 0


@pytest.mark.parametrize("seconds", [0, 1])
@pytest.mark.parametrize(("end", "state"), [("succeeded", "success"), ("failed", "failed")])
def test_a_run_that_ends_before_the_deferral_needs_no_trigger(
    dag_run: ScenarioRun, emulator: ScenarioEmulator, end: str, state: str, seconds: int
) -> None:
    task_id = f"{end}_after_{seconds}_s_deferred"
    assert dag_run.final_state(task_id) == state
    assert emulator.statuses_of(task_id) == [end.upper()]
    assert "in the triggerer" not in dag_run.task_log(task_id)


@pytest.fixture(scope="module")
def released(dag_run: ScenarioRun, emulator: ScenarioEmulator) -> None:
    """The end of each run, as soon as its task is deferred."""
    deferred = f"SELECT task_id FROM task_instance WHERE dag_id = '{DAG}' AND state = 'deferred'"

    def release() -> bool:
        for (task_id,) in dag_run.cluster.sql(deferred):
            emulator.released[task_id].set()
        return all(emulator.released[task_id].is_set() for task_id in RIGHT_AFTER)

    dag_run.until(release)


@pytest.mark.usefixtures("released")
@pytest.mark.parametrize("task_id", RIGHT_AFTER)
def test_a_run_that_ends_within_a_second_of_the_deferral_ends_its_task(
    dag_run: ScenarioRun, task_id: str
) -> None:
    dag_run.assert_one_run(task_id, try_number=1)
