"""The proof of Airflow's own defects, against what the scheduler of Airflow 3.3.2 logged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.airflow_defects import TaskInstanceKey, find_defect

LOGS = Path(__file__).parent / "scheduler_logs"
#: Tasks that deferred for a moment, on a busy machine with the LocalExecutor.
LATE_REPORTS = (LOGS / "late_reports.log").read_text()
#: Tasks whose processes were killed; Celery reports the death of one of them as a success.
KILLED_PROCESSES = (LOGS / "killed_processes.log").read_text()

HIT, HIT_MAPPED = TaskInstanceKey("burst", "r0", "brief_10"), TaskInstanceKey("burst", "r1", "mapped", 0)

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("key", [HIT, HIT_MAPPED])
def test_a_late_report_is_proved_for_the_task_instance_that_it_hit(key: TaskInstanceKey) -> None:
    defect = find_defect(LATE_REPORTS, key)
    assert defect is not None
    assert defect.issue == 67287
    assert "reported that the task instance" in defect.line
    assert f"<TaskInstance: burst.{key.task_id} {key.run_id} " in defect.line


def test_the_issue_follows_from_the_state_of_the_resumed_task() -> None:
    log = LATE_REPORTS.replace("[queued]", "[running]").replace("attribute is queued", "attribute is running")
    assert (defect := find_defect(log, HIT)) is not None
    assert defect.issue == 72716
    assert find_defect(log.replace("running", "restarting"), HIT) is None


@pytest.mark.parametrize(
    "key",
    [
        TaskInstanceKey("burst", "r0", "brief_9"),
        TaskInstanceKey("burst", "r0", "brief_1"),
        TaskInstanceKey("burst", "r1", "brief_10"),
        TaskInstanceKey("burst", "r1", "mapped"),
        TaskInstanceKey("burst", "r1", "mapped", 1),
        TaskInstanceKey("other", "r0", "brief_10"),
    ],
)
def test_other_task_instances_are_not_hit(key: TaskInstanceKey) -> None:
    assert find_defect(LATE_REPORTS, key) is None


@pytest.mark.parametrize("task_id", ["killed_before_answer", "killed_after_answer_deferred"])
def test_a_process_that_is_killed_is_no_defect(task_id: str) -> None:
    assert f"<TaskInstance: runs.{task_id} runs [running]" in KILLED_PROCESSES
    assert find_defect(KILLED_PROCESSES, TaskInstanceKey("runs", "runs", task_id)) is None


def test_an_executor_that_reports_a_failure_is_no_defect() -> None:
    log = LATE_REPORTS.replace("finished with state success", "finished with state failed")
    assert find_defect(log, HIT) is None


@pytest.mark.parametrize(("task_id", "outcomes"), [("brief_10", {"xfailed": 1}), ("brief_9", {"failed": 1})])
def test_only_a_failure_with_a_proof_is_an_xfail(
    pytester: pytest.Pytester, task_id: str, outcomes: dict[str, int]
) -> None:
    log = pytester.path / "scheduler.log"
    log.write_text(LATE_REPORTS)
    pytester.makeconftest(
        f"""
        from pathlib import Path
        import pytest
        from tests.support.airflow_api import AirflowApi
        from tests.support.airflow_defects import Observation, pytest_runtest_makereport

        @pytest.fixture
        def api():
            return AirflowApi("http://127.0.0.1", observation=Observation(Path({str(log)!r})))
        """
    )
    pytester.makepyfile(
        f"""
        def test_task(api):
            api.path("burst", "r0", {task_id!r})
            assert False
        """
    )
    result = pytester.runpytest_inprocess("-rx", "-p", "no:cacheprovider", "-p", "no:asyncio")
    result.assert_outcomes(**outcomes)
    if "xfailed" in outcomes:
        result.stdout.fnmatch_lines(["XFAIL*apache/airflow#67287*"])
