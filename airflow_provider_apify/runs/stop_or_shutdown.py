"""
Whether a task that is told to stop was stopped by somebody, or is shut down and comes back: asked of Airflow.

Airflow tells neither `on_kill` nor a cancelled trigger why. What is used of it: on Airflow 3
`RuntimeTaskInstance.get_task_states`, whose home may move (Airflow's own comment in 3.0 to 3.4); on Airflow 2
the metadata database.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Any

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from packaging.version import Version

_AIRFLOW = Version(Version(airflow_version).base_version)
_IS_AIRFLOW_3 = Version("3.0") <= _AIRFLOW

#: Whether Airflow itself calls a trigger's `on_kill`; before 3.3 a killed trigger is only cancelled.
AIRFLOW_CALLS_ON_KILL = Version("3.3") <= _AIRFLOW

# Imported here, not where they are used: an import would block an event loop for seconds, amid a kill.
if _IS_AIRFLOW_3:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
else:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

# Airflow kills a task five seconds after it has told it to stop, and there is a run to abort yet.
_PATIENCE_SECONDS = 2.0


def is_in_state(ti: Any, state: str, *, trigger_id: int | None = None) -> bool:
    """Return whether a task instance is in a state and, where Airflow tells (before 3.0), has the trigger."""
    key = {"dag_id": ti.dag_id, "map_index": ti.map_index}
    if _IS_AIRFLOW_3:
        states = RuntimeTaskInstance.get_task_states(task_ids=[ti.task_id], run_ids=[ti.run_id], **key)
        return any(state in of_run.values() for of_run in states.values())
    key |= {"task_id": ti.task_id, "run_id": ti.run_id, "state": state}
    if trigger_id is not None:
        key["trigger_id"] = trigger_id
    with create_session() as session:
        return session.query(TaskInstance).filter_by(**key).count() > 0


def ends_for_good(ti: Any) -> bool:
    """
    Return whether a task that is being killed on a worker does not come back in a retry.

    A worker that is shut down, or that Airflow has lost, is told to stop just like one whose task a user
    stopped. May interrupt anything, as a signal handler.
    """
    if isinstance(sys.exc_info()[1], AirflowTaskTimeout) or ti.try_number > ti.max_tries:
        return True
    running: list[bool] = []

    def ask() -> None:
        with suppress(Exception):
            running.append(is_in_state(ti, "running"))

    # In a thread: what was interrupted may hold the lock of the way to Airflow, or Airflow may be away.
    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    asker.join(_PATIENCE_SECONDS)
    return running == [False]
