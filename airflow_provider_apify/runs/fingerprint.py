"""The fingerprint of a task instance, by which it finds the runs that it started."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun


@dataclass(frozen=True)
class Fingerprint:
    """
    What a start says of the task instance that sent it, in its User-Agent.

    :param task_instance: the same for all tries, and new after a Clear.
    """

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
        identity = [ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries, started]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        return cls(digest[:20], ti.try_number)

    def __str__(self) -> str:
        return f"airflow-task-instance/{self.task_instance}.{self.try_number}"

    def try_of(self, run: ActorRun) -> int | None:
        """Return in which try this task instance started a run; None if somebody else did."""
        match = re.search(r"airflow-task-instance/([0-9a-f]+)\.(\d+)", run.user_agent or "")
        return int(match[2]) if match and match[1] == self.task_instance else None
