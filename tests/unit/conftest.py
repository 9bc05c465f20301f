"""What Airflow says of a task instance when the task is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from airflow_provider_apify.runs import stop_or_shutdown
from tests.support.task_context import TaskInstance

IS_AIRFLOW_3 = not airflow_version.startswith("2.")


@dataclass
class Airflow:
    """What Airflow knows of the task instance; no `state` at all stands for no row."""

    ti: TaskInstance
    answer: Callable[[], Any]

    def knows(self, **row: Any) -> None:
        """Let the task instance be like this."""
        self.answer = lambda: row


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    airflow = Airflow(TaskInstance(max_tries=2), dict)

    def get_task_states(dag_id: str, map_index: int, task_ids: list[str], run_ids: list[str]) -> Any:
        assert (dag_id, map_index, task_ids, run_ids) == ("dag", -1, ["run"], ["manual__1"])
        row = airflow.answer()
        return {"manual__1": {"run": row["state"]}} if row else {}

    def create_session() -> Any:
        ours = {"dag_id": "dag", "task_id": "run", "run_id": "manual__1", "map_index": -1, "max_tries": 2}
        rows = [ours | {"state": "failed", name: 7} for name in ("dag_id", "task_id", "run_id", "map_index")]
        if row := airflow.answer():
            rows.append(ours | row)
        session = Session(create_engine("sqlite://"))
        session.execute(text(f"CREATE TABLE task_instance ({', '.join(ours)}, state)"))
        insert = f"INSERT INTO task_instance VALUES ({', '.join(f':{name}' for name in [*ours, 'state'])})"
        session.execute(text(insert), rows)
        return session

    if IS_AIRFLOW_3:
        monkeypatch.setattr(
            stop_or_shutdown, "RuntimeTaskInstance", SimpleNamespace(get_task_states=get_task_states)
        )
    else:
        monkeypatch.setattr(stop_or_shutdown, "create_session", create_session)
    return airflow
