"""
The note of a start in Airflow's task state store, which survives retries.

It says first that a start is about to be sent, then which run the start made.

Airflow has the store from 3.3 on (`context["task_state_store"]`); before, no note is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_apify.runs.fingerprint import Fingerprint

#: Key in the task state store; a promise.
STORE_KEY = "apify_run"


@dataclass(frozen=True)
class StartIntent:
    """
    A start that was about to be sent.

    :param max_tries: that of the task instance, to tell a retry from a Clear.
    :param at: when the start was about to be sent or, once the run is known, when its ID was learnt.
    :param run_id: the run; None while its ID is not known.
    """

    fingerprint: Fingerprint
    max_tries: int
    at: datetime
    run_id: str | None = None


class IntentStore:
    """The start intent of one task instance; without a store nothing is kept."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")

    def __bool__(self) -> bool:
        return self._store is not None

    def load(self) -> StartIntent | None:
        """Return the intent of an earlier try, if there is one."""
        value = self._store.get(STORE_KEY) if self._store is not None else None
        if not value:
            return None
        return StartIntent(
            Fingerprint(value["task_instance"], value["try_number"]),
            value["max_tries"],
            datetime.fromisoformat(value["at"]),
            value["run_id"],
        )

    def save(self, intent: StartIntent) -> None:
        """Keep an intent for the tries that follow."""
        if self._store is not None:
            value = {
                "task_instance": intent.fingerprint.task_instance,
                "try_number": intent.fingerprint.try_number,
                "max_tries": intent.max_tries,
                "at": intent.at.isoformat(),
                "run_id": intent.run_id,
            }
            self._store.set(STORE_KEY, value)

    def forget(self) -> None:
        """Drop the intent: nothing was started."""
        if self._store is not None:
            self._store.delete(STORE_KEY)
