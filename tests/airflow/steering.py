"""How tests start, end, ask and steer an Airflow that runs in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Airflow:
    """An Airflow home and how to use it."""

    home: Path
    dags: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an Airflow command."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=os.environ | self.env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return done

    def test_dag(self, dag_id: str, *, check: bool = True, **params: Any) -> str:
        """Run a DAG as `airflow dags test` does; return all that it printed."""
        done = self("dags", "test", dag_id, "--conf", json.dumps(params), check=check)
        return done.stdout + done.stderr

    @contextmanager
    def standalone(self, password: str | None = None) -> Iterator[Rest]:
        """
        Run the whole of Airflow, and stop it again.

        :param password: of the user `admin`; None lets everybody in.
        """
        passwords = self.home / "passwords.json"
        passwords.write_text(json.dumps({"admin": password}))
        port = free_port()
        env = self.env | {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(password is None),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        with (
            (self.home / "standalone.log").open("w") as log,
            subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=os.environ | env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                rest = Rest(f"http://127.0.0.1:{port}")
                rest.until(lambda: rest.healthy(), seconds=120)
                if password is not None:
                    login = {"username": "admin", "password": password}
                    token = rest("POST", "/auth/token", login)["access_token"]
                    rest.headers["Authorization"] = f"Bearer {token}"
                yield rest
            finally:
                end_group(process)


def end_group(process: subprocess.Popen[Any]) -> None:
    """End a process and all that it started: Airflow leaves its children behind otherwise."""
    for number, seconds in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _group_lives(process):
            time.sleep(0.2)


def _group_lives(process: subprocess.Popen[Any]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class Rest:
    """
    Airflow's REST API.

    :param url: of the server.
    :param api: where the API is on it; that of Airflow 2 is near enough to that of 3.
    :param headers: that every request has.
    """

    url: str
    api: str = "/api/v2"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """Ask it; return the parsed answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def healthy(self) -> bool:
        """Return whether all of Airflow is up."""
        try:
            health = self("GET", f"{self.api}/{'monitor/' if self.api == '/api/v2' else ''}health")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "triggerer"))

    def until(self, condition: Any, seconds: float = 60) -> Any:
        """Ask for something until it holds."""
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, "It did not happen in time."
            time.sleep(0.3)
        return result

    def start_dag(self, dag_id: str, run_id: str, **params: Any) -> None:
        """Unpause a DAG and start a run of it."""

        def known() -> bool:
            try:
                self("PATCH", f"{self.api}/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})
            except urllib.error.HTTPError:
                return False
            return True

        self.until(known)
        body = {"dag_run_id": run_id, "conf": params}
        if self.api == "/api/v2":
            body["logical_date"] = None
        self("POST", f"{self.api}/dags/{dag_id}/dagRuns", body)

    def path(self, dag_id: str, run_id: str, task_id: str = "", map_index: int | None = None) -> str:
        """Return the path of a task instance, or of all."""
        path = f"{self.api}/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}".rstrip("/")
        return path if map_index is None else f"{path}/{map_index}"

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> Any:
        """Return a task instance."""
        return self("GET", self.path(dag_id, run_id, task_id, map_index))

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task instance as failed or as success."""
        body: dict[str, Any] = {"new_state": state}
        if self.api == "/api/v1":
            body["dry_run"] = False
        self("PATCH", self.path(dag_id, run_id, task_id), body)

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task instance."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        body["reset_dag_runs"] = True
        self("POST", f"{self.api}/dags/{dag_id}/clearTaskInstances", body)

    def xcoms(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return the XComs of a task instance."""
        at = f"{self.path(dag_id, run_id, task_id)}/xcomEntries"
        found = {}
        for entry in self("GET", at)["xcom_entries"]:
            # A try that begins deletes those of the one before.
            with suppress(urllib.error.HTTPError):
                found[entry["key"]] = self("GET", f"{at}/{entry['key']}")["value"]
        return found

    def wait_for(self, dag_id: str, run_id: str, task_id: str, *states: str, seconds: float = 90) -> Any:
        """Wait until a task instance is in one of the states."""
        return self.until(
            lambda: (ti := self.task(dag_id, run_id, task_id))["state"] in states and ti, seconds=seconds
        )
