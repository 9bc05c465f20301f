"""
Defects of Airflow's own scheduler that fail a healthy task, proved from Airflow's log.

When a task defers, its worker process ends well, and the executor reports `success`. If the scheduler reads
this report after the trigger has fired and the task has been resumed, it takes the report for the end of the
resumed task and fails a task that is well. A test that such a failure hits is reported as `xfail`, with the
issue and the line of the log that proves it; every other failure stands.
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
    Find the proof that a defect of Airflow failed one task instance.

    :param log: what scheduler and triggerers logged.
    """
    name = "/".join(map(str, (key.dag_id, key.run_id, key.task_id, key.map_index)))
    # Only a task that was resumed by its trigger can be hit.
    if not re.search(rf"Trigger .*fired.*{re.escape(name)}/|Trigger {re.escape(name)}/.* fired", log):
        return None
    index = "" if key.map_index == -1 else f"map_index={key.map_index} "
    instance = re.escape(f"<TaskInstance: {key.dag_id}.{key.task_id} {key.run_id} {index}[")
    mismatch = re.search(
        rf".*reported that the task instance {instance}(\w+)\].*> finished with state success, "
        r"but the task instance's state attribute is \1\..*",
        log,
    )
    if mismatch is None or mismatch[1] not in _ISSUES:
        return None
    return Defect(_ISSUES[mismatch[1]], mismatch[0].strip())


@dataclass
class Observation:
    """The logs of an Airflow under test, and the task instances that the current test asks it about."""

    logs: list[Path] = field(default_factory=list)
    keys: set[TaskInstanceKey] = field(default_factory=set)

    def defects(self) -> Iterator[Defect]:
        """Find the defects that struck one of the task instances."""
        log = "\n".join(path.read_text(errors="replace") for path in self.logs)
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
