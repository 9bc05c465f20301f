"""In which state Airflow has a task instance, asked by the task itself or by its trigger."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from airflow import __version__ as airflow_version
from packaging.version import Version

_AIRFLOW_3 = Version(Version(airflow_version).base_version) >= Version("3.0")

# Imported here, not where they are used: an import would block an event loop for seconds, amid a kill.
if _AIRFLOW_3:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
else:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

# Airflow kills a task five seconds after it has told it to stop, and there is a run to abort yet.
_PATIENCE = 2.0


def is_in_state(ti: Any, state: str, *, trigger_id: int | None = None) -> bool:
    """
    Return whether Airflow has a task instance in a state.

    :param ti: the task instance.
    :param state: the state.
    :param trigger_id: the trigger that it waits for, where Airflow tells (before 3.0).
    """
    key = {"dag_id": ti.dag_id, "map_index": ti.map_index}
    if _AIRFLOW_3:
        states = RuntimeTaskInstance.get_task_states(task_ids=[ti.task_id], run_ids=[ti.run_id], **key)
        return any(state in of_run.values() for of_run in states.values())
    key |= {"task_id": ti.task_id, "run_id": ti.run_id, "state": state}
    if trigger_id is not None:
        key["trigger_id"] = trigger_id
    with create_session() as session:
        return session.query(TaskInstance).filter_by(**key).count() > 0


def was_stopped(ti: Any) -> bool:
    """
    Return whether somebody has taken a running task out of that state; False if Airflow does not say.

    May interrupt anything, as a signal handler.

    :param ti: the task instance.
    """
    running: list[bool] = []

    def ask() -> None:
        with suppress(Exception):
            running.append(is_in_state(ti, "running"))

    # In a thread: what was interrupted may hold the lock of the way to Airflow, or Airflow may be away.
    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    asker.join(_PATIENCE)
    return running == [False]
