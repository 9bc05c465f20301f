"""
Defects of Airflow's own scheduler that fail a healthy task, proved from the scheduler's log.

When a task defers, its process ends well, and the executor reports `success`. If the scheduler reads this
report only after the task has been resumed, it takes the report for the end of the resumed task and fails a
task that is well. A test that such a failure hits is reported as `xfail`, with the issue and the line of the
log that proves it; every other failure stands.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

#: The issue of apache/airflow about the late report, by the state of the resumed task.
_ISSUES = {"queued": 67287, "running": 72716}


class TaskInstanceKey(NamedTuple):
    """What identifies a task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


@dataclass(frozen=True)
class Defect:
    """A known defect, and the line of Airflow's log that proves that it struck."""

    issue: int
    line: str

    def __str__(self) -> str:
        return f"apache/airflow#{self.issue}: {self.line}"


def find_defect(log: str, key: TaskInstanceKey) -> Defect | None:
    """
    Find the proof that the scheduler failed one task instance because of a late report.

    A report that the task's process ended is late if the scheduler has enqueued the task more often than the
    executor has reported an end of it: a process that is really gone is reported as often as it was enqueued.

    :param log: what the scheduler logged.
    """
    dag_id, run_id, task_id, map_index = key
    index = "" if map_index == -1 else f"map_index={map_index} "
    instance = f"<TaskInstance: {dag_id}.{task_id} {run_id} {index}["
    end = f"Finished: dag_id={dag_id}, task_id={task_id}, run_id={run_id}, map_index={map_index},"
    failure = re.compile(
        rf"reported that the task instance {re.escape(instance)}(\w+)\].*> finished with state success, "
        r"but the task instance's state attribute is \1\."
    )
    enqueued = reported = 0
    for line in log.splitlines():
        if "Trying to enqueue tasks:" in line:
            enqueued += instance in line
        elif end in line:
            reported += 1
        elif (found := failure.search(line)) and found[1] in _ISSUES and enqueued > reported:
            return Defect(_ISSUES[found[1]], line.strip())
    return None


@dataclass
class Observation:
    """The scheduler's log, and the task instances that the current test asks about."""

    log: Path | None = None
    keys: set[TaskInstanceKey] = field(default_factory=set)

    def defects(self) -> Iterator[Defect]:
        """Find the defects that struck one of the task instances."""
        log = self.log.read_text(errors="replace") if self.log else ""
        return (defect for key in sorted(self.keys) if (defect := find_defect(log, key)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a failure as `xfail` if Airflow's log proves that a known defect caused it."""
    report = yield
    fixtures: dict[str, Any] = getattr(item, "funcargs", {})
    found = (getattr(fixture, "observation", None) for fixture in fixtures.values())
    if (observation := next(filter(None, found), None)) is None:
        return report
    if call.when == "teardown":
        observation.keys.clear()
    elif report.failed and (defects := "; ".join(map(str, observation.defects()))):
        report.outcome = "skipped"
        report.wasxfail = defects
    return report
