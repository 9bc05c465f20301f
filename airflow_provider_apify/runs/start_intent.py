"""
Traces of a start, by which later tries find its run: a fingerprint at Apify, and a note in Airflow.

The fingerprint of the task instance goes to Apify in the User-Agent. The note survives retries in Airflow's
task state store: first that the start is about to be sent, then which run it made.

Airflow has the store from 3.3 on (`context["task_state_store"]`); before, no note is kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyError

#: Key in the task state store; a promise.
STORE_KEY = "apify_run"

# Something always follows the fingerprint, so one that ends the User-Agent may have been cut.
_WHOLE = re.compile(r"airflow-task-instance/([0-9a-f]{20})\.(\d+) ")


@dataclass(frozen=True)
class Fingerprint:
    """Identity of a task instance, as a start tells it in its User-Agent."""

    #: The same for all tries, and new after a Clear.
    task_instance: str
    try_number: int

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Fingerprint:
        """Make the fingerprint of the running task instance, from Airflow's task context."""
        ti = context["ti"]
        # `max_tries` stays as it is on a retry and grows on a Clear. The start of the DAG run tells
        # deployments apart that run the same DAG with the same run IDs in one Apify account.
        started = getattr(context.get("dag_run"), "start_date", None)
        started = started and started.timestamp()
        # The iterations of a loop (Airflow 3.4) differ in their region alone.
        region = [getattr(ti, "region_id", None), getattr(ti, "region_index", None)]
        identity = [ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries, started, *region]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        return cls(digest[:20], ti.try_number)

    def __str__(self) -> str:
        return f"airflow-task-instance/{self.task_instance}.{self.try_number}"

    def try_of(self, run: ActorRun) -> int | None:
        """Return in which try this task instance started a run; None if somebody else did."""
        match = _WHOLE.search(run.user_agent or "")
        return int(match[2]) if match and match[1] == self.task_instance else None

    @staticmethod
    def is_whole(run: ActorRun) -> bool:
        """Return whether a run has the fingerprint of some task instance, uncut."""
        return _WHOLE.search(run.user_agent or "") is not None


@dataclass(frozen=True)
class StartIntent:
    """A start that was about to be sent, and the ID of the run once it is known."""

    #: That of another task instance means that a Clear lies between.
    fingerprint: Fingerprint
    #: When the start was about to be sent or, once the run is known, when its ID was learnt.
    at: datetime
    run_id: str | None = None
    #: False once it is certain that the start had no effect.
    sent: bool = True


class Superseded(ApifyError):
    """A later try of the task instance has announced a start of its own."""


_UNREAD = object()


class IntentStore:
    """
    The start intent of one task instance; without a store nothing is kept.

    Both methods raise :class:`Superseded` if another try has changed it since it was first read: then the
    worker of this one was frozen, and Airflow has long gone on without it.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")
        self._known: Any = _UNREAD

    def __bool__(self) -> bool:
        return self._store is not None

    def load(self) -> StartIntent | None:
        """Return the intent of an earlier try, if there is one."""
        value = self._read()
        if not value:
            return None
        fingerprint = Fingerprint(value["task_instance"], value["try_number"])
        at = datetime.fromisoformat(value["at"])
        return StartIntent(fingerprint, at, value["run_id"], value["sent"])

    def save(self, intent: StartIntent) -> None:
        """Keep an intent for the tries that follow."""
        if self._store is None:
            return
        self._read()
        value = {
            "task_instance": intent.fingerprint.task_instance,
            "try_number": intent.fingerprint.try_number,
            "at": intent.at.isoformat(),
            "run_id": intent.run_id,
            "sent": intent.sent,
        }
        self._store.set(STORE_KEY, value)
        self._known = value

    def _read(self) -> Any:
        value = self._store.get(STORE_KEY) if self._store is not None else None
        if self._known not in (_UNREAD, value):
            raise Superseded(
                "Airflow took this try for lost, and a later one has started a run of its own; this one goes "
                "on with none."
            )
        self._known = value
        return value
