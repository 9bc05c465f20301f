"""A real Airflow in a home of its own, beside an emulated Apify and an S3 server."""

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
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_apify.emulator import Emulator

ROOT = Path(__file__).parents[2]
TOKEN = "apify_api_canary0123456789"
BUCKET = "results"


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    """An Apify whose one Actor pushes what it is told to."""
    emulator = Emulator(token=TOKEN)

    @emulator.actor("emulator/crawler")
    def crawler(actor: Any) -> None:
        order = actor.input
        for number in range(order["maxCrawlPages"]):
            actor.push_data(item(order["startUrls"][0]["url"], number))
        actor.sleep(order.get("seconds", 0))
        if order.get("fail"):
            raise RuntimeError("failed as told")

    return emulator


def item(url: str, number: int) -> dict[str, Any]:
    """What the Actor pushes."""
    return {
        "url": f"{url}?page={number}",
        "title": f"Page “{number}”, 100 %",
        "nested": {"n": [number, None]},
    }


@dataclass
class S3:
    """An S3 server with one bucket."""

    url: str
    client: Any

    def get(self, key: str) -> bytes:
        """Return an object."""
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """An S3 server over HTTP."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    yield S3(url, client)
    server.stop()


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
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
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
                    rest.token = rest("POST", "/auth/token", login)["access_token"]
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
    """Airflow's REST API."""

    url: str
    token: str = ""

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """Ask it; return the parsed answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def healthy(self) -> bool:
        """Return whether all of Airflow is up."""
        try:
            health = self("GET", "/api/v2/monitor/health")
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
                self("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})
            except urllib.error.HTTPError:
                return False
            return True

        self.until(known)
        body = {"dag_run_id": run_id, "logical_date": None, "conf": params}
        self("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> Any:
        """Return a task instance."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        return self("GET", path if map_index is None else f"{path}/{map_index}")

    def wait_for(self, dag_id: str, run_id: str, task_id: str, *states: str, seconds: float = 90) -> Any:
        """Wait until a task instance is in one of the states."""
        return self.until(
            lambda: (ti := self.task(dag_id, run_id, task_id))["state"] in states and ti, seconds=seconds
        )


@pytest.fixture(scope="module")
def apify(emulator: Emulator) -> Iterator[Any]:
    """The emulator over HTTP."""
    with emulator.serve() as server:
        yield server


@pytest.fixture(scope="module")
def airflow(apify: Any, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """An Airflow with the example DAGs and connections to both servers, all of its logs at DEBUG."""
    home = tmp_path_factory.mktemp("airflow")
    aws = {"endpoint_url": s3.url, "region_name": "us-east-1"}
    connections = {
        "apify_default": {"conn_type": "apify", "host": apify.url, "password": TOKEN},
        "aws_default": {"conn_type": "aws", "login": "test", "password": "testtest", "extra": aws},
    }
    airflow = Airflow(
        home,
        ROOT / "example_dags",
        {
            "AIRFLOW_HOME": str(home),
            # `airflow standalone` starts its parts as `airflow …`.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
        },
    )
    airflow("db", "migrate")
    return airflow
