"""
Whether a task that is told to stop was stopped by somebody, or goes on elsewhere: asked of Airflow.

A worker or triggerer that is shut down, that Airflow has lost, or that thaws after its task went on elsewhere
is told to stop just like one whose task a user stopped, and Airflow tells neither `on_kill` nor a cancelled
trigger why. What is used of it: on Airflow 3 `RuntimeTaskInstance.get_task_states`, whose home may move
(Airflow's own comment in 3.0 to 3.4); on Airflow 2 the metadata database.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from enum import StrEnum
from typing import Any

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowTaskTimeout, conf
from packaging.version import Version

_AIRFLOW = Version(Version(airflow_version).base_version)
_IS_AIRFLOW_3 = Version("3.0") <= _AIRFLOW

#: Whether Airflow itself calls a trigger's `on_kill`; before 3.3 a killed trigger is only cancelled.
AIRFLOW_CALLS_ON_KILL = Version("3.3") <= _AIRFLOW

# Imported here, not where they are used: an import would block an event loop for seconds, amid a kill.
RuntimeTaskInstance: Any = None
if not _IS_AIRFLOW_3:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
else:
    # Where it has moved, nothing is certain, and nothing is aborted.
    with suppress(ImportError):
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

# After how many seconds Airflow ends a task's process that is told to stop; an option on 2 and from 3.4 on.
_IS_CONFIGURABLE = not _IS_AIRFLOW_3 or Version("3.4") <= _AIRFLOW
_KILLED_AFTER = conf.getfloat("core", "killed_task_cleanup_time", fallback=60) if _IS_CONFIGURABLE else 5.0
# There is a run to abort yet.
_PATIENCE_SECONDS = min(0.4 * _KILLED_AFTER, 10.0)


class StopReason(StrEnum):
    """Why a task is told to stop."""

    #: Somebody stopped it, its time is up, or no try is left.
    STOPPED = "stopped"
    #: Nobody stopped it; it goes on elsewhere, or in a retry.
    GOES_ON = "goes on"
    #: Airflow does not tell.
    UNKNOWN = "unknown"


# A task that runs or is deferred gets into one of these by somebody's doing, or by its end elsewhere.
_STOPPED = ("success", "failed", "skipped", "upstream_failed", "removed", "restarting")
# On their way to a try: the one after a Clear, a retry, or the rest of a task whose trigger has fired.
_PENDING = (None, "scheduled", "queued")


def reason_on_worker(ti: Any) -> StopReason:
    """Return why a task is told to stop on a worker; may interrupt anything, as a signal handler."""
    if isinstance(sys.exc_info()[1], AirflowTaskTimeout) or ti.try_number > ti.max_tries:
        return StopReason.STOPPED
    found: list[StopReason] = []
    # In a thread: what was interrupted may hold the lock of the way to Airflow, or Airflow may be away.
    asker = threading.Thread(target=lambda: found.append(_reason(ti, StopReason.UNKNOWN)), daemon=True)
    asker.start()
    asker.join(_PATIENCE_SECONDS)
    return found[0] if found else StopReason.UNKNOWN


def reason_in_triggerer(ti: Any) -> StopReason:
    """Return why the trigger of a task is told to stop; blocks."""
    # Airflow 2 itself ends a deferral that outlasts `execution_timeout`, and may retry the task then.
    timeout = getattr(ti, "trigger_timeout", None)
    if timeout is not None and timeout.timestamp() <= time.time():
        return StopReason.STOPPED
    # A deferred task that is on its way to a try has been cleared, or its trigger has fired elsewhere, which
    # mostly means that the run is over.
    return _reason(ti, StopReason.STOPPED)


def _reason(ti: Any, reason_if_pending: StopReason) -> StopReason:
    try:
        row = _row(ti)
    except Exception:
        return StopReason.UNKNOWN
    if row is None:
        return StopReason.STOPPED
    state, max_tries = row
    # A Clear raises the number of tries, a retry leaves it.
    if state in _STOPPED or (max_tries is not None and max_tries != ti.max_tries):
        return StopReason.STOPPED
    if max_tries is None and state in _PENDING:
        return reason_if_pending
    return StopReason.GOES_ON


def _row(ti: Any) -> tuple[str | None, int | None] | None:
    """Return the state of a task instance, and its `max_tries` where Airflow tells (before 3.0)."""
    key = {"dag_id": ti.dag_id, "map_index": ti.map_index}
    if _IS_AIRFLOW_3:
        by_run = RuntimeTaskInstance.get_task_states(task_ids=[ti.task_id], run_ids=[ti.run_id], **key)
        states = [state for of_run in by_run.values() for state in of_run.values()]
        return (states[0] and str(states[0]), None) if states else None
    key |= {"task_id": ti.task_id, "run_id": ti.run_id}
    with create_session() as session:
        row = session.query(TaskInstance.state, TaskInstance.max_tries).filter_by(**key).one_or_none()
        return row and (row[0] and str(row[0]), row[1])
