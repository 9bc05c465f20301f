"""Client of Airflow's REST API, for tests that steer a running Airflow."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.airflow_defects import Observation, TaskInstanceKey
from tests.support.waiting import wait_until

FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Ask Airflow until the condition holds; return what it gave."""
    return wait_until(condition, seconds, interval=0.3)


@dataclass
class AirflowApi:
    """
    Airflow's REST API.

    :param url: address of the server.
    :param root: path of the API on it; `/api/v1` of Airflow 2 is near enough to `/api/v2`.
    :param headers: headers of every request.
    :param observation: takes down which task instances a test asks about.
    """

    url: str
    root: str = "/api/v2"
    headers: dict[str, str] = field(default_factory=dict)
    observation: Observation = field(default_factory=Observation)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; return the parsed answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def get(self, path: str) -> Any:
        """Send a GET request; return the parsed answer."""
        return self.request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """Send a POST request; return the parsed answer."""
        return self.request("POST", path, body)

    def is_healthy(self) -> bool:
        """Return whether all of Airflow is up."""
        try:
            health = self.get(f"{self.root}/{'monitor/' if self.root == '/api/v2' else ''}health")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "triggerer"))

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG, as soon as Airflow knows it."""

        def is_unpaused() -> bool:
            path = f"{self.root}/dags/{dag_id}?update_mask=is_paused"
            try:
                self.request("PATCH", path, {"is_paused": False})
            except urllib.error.HTTPError:
                return False
            return True

        wait_for(is_unpaused)

    def start_dag(self, dag_id: str, run_id: str, **conf: Any) -> None:
        """Unpause a DAG and start a run of it."""
        self.unpause(dag_id)
        body: dict[str, Any] = {"dag_run_id": run_id, "conf": conf}
        if self.root == "/api/v2":
            body["logical_date"] = None
        self.post(f"{self.root}/dags/{dag_id}/dagRuns", body)

    def path(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the path of a task instance, and take down that a test asks about it."""
        self.observation.keys.add(TaskInstanceKey(dag_id, run_id, task_id))
        return f"{self.root}/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"

    def task_instance(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return a task instance."""
        return self.get(self.path(dag_id, run_id, task_id))

    def wait_for_state(
        self, dag_id: str, run_id: str, task_id: str, *states: str, seconds: float = 90
    ) -> str:
        """Wait until a task instance is in one of the states; return this state."""

        def state() -> str | None:
            state = self.task_instance(dag_id, run_id, task_id)["state"]
            assert state in states or state not in FINISHED, f"The task {task_id} ended as {state}."
            return state if state in states else None

        return str(wait_for(state, seconds))

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task instance as failed or as success."""
        body: dict[str, Any] = {"new_state": state}
        if self.root == "/api/v1":
            body["dry_run"] = False
        self.request("PATCH", self.path(dag_id, run_id, task_id), body)

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task instance."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.post(f"{self.root}/dags/{dag_id}/clearTaskInstances", body)

    def xcoms(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return the XComs of a task instance."""
        path = f"{self.path(dag_id, run_id, task_id)}/xcomEntries"
        found = {}
        for entry in self.get(path)["xcom_entries"]:
            # A try that begins deletes those of the one before.
            with suppress(urllib.error.HTTPError):
                found[entry["key"]] = self.get(f"{path}/{entry['key']}")["value"]
        return found
