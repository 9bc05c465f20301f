"""A real Airflow of many processes: Celery on 3.3, the LocalExecutor on 2.11."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from airflow import __version__ as airflow_version

from tests.airflow.steering import Airflow, Rest, end_group, free_port
from tests.distributed.servers import postgresql, redis

AIRFLOW_3 = not airflow_version.startswith("2.")
ROOT = Path(__file__).parents[2]

#: After how long a triggerer or a task that does not stir is taken for dead, in seconds.
DEAD_AFTER = 15

_SECRET, _KEY = secrets.token_hex(32), base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
_LOGIN = "tester"


@dataclass
class Component:
    """
    A part of Airflow that runs as a process.

    :param name: what its log is called.
    :param arguments: of the `airflow` command.
    """

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    home: Path
    process: subprocess.Popen[Any] = field(init=False)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.home / f"{self.name}.log"

    def start(self) -> None:
        """Start it."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *self.arguments],
                env=os.environ | self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it started, at once as far as that is possible."""
        tree = [psutil.Process(self.process.pid)]
        tree += tree[0].children(recursive=True)
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """Let it die without a word, with all that it started, as with its machine."""
        # Nothing is left awake to notice and to tell of the death of the others.
        self.tell(signal.SIGSTOP)
        self.tell(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Let it end in order."""
        self.process.terminate()
        self.process.wait(60)


@dataclass
class Installation:
    """
    What runs, and how to steer it.

    :param home: where the logs are.
    :param database: its address.
    """

    home: Path
    database: str
    rest: Rest
    components: dict[str, Component]

    def sql(self, statement: str) -> list[Any]:
        """Ask the metadata database."""
        connection = psycopg2.connect(f"postgresql://{self.database}")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()


@contextmanager
def installation(home: Path, connections: Mapping[str, Any]) -> Iterator[Installation]:
    """
    Bring all of it up, and down again.

    :param home: a folder of its own.
    :param connections: the Airflow connections.
    """
    port = free_port()
    with ExitStack() as stack:
        database = stack.enter_context(postgresql())
        broker = stack.enter_context(redis()) if AIRFLOW_3 else ""
        env = _env(home, port, database, broker)
        env |= {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}
        airflow = Airflow(home, ROOT / "tests/distributed/dags", env)
        airflow("db", "migrate")
        rest = Rest(f"http://127.0.0.1:{port}")
        if not AIRFLOW_3:
            user = ["--username", _LOGIN, "--password", _LOGIN, "--role", "Admin", "--email", "t@example.com"]
            airflow("users", "create", *user, "--firstname", "T", "--lastname", "T")
            login = base64.b64encode(f"{_LOGIN}:{_LOGIN}".encode()).decode()
            rest = Rest(rest.url, "/api/v1", {"Authorization": f"Basic {login}"})
        components = {
            name: Component(name, tuple(command.split()), env, home)
            for name, command in (_COMPONENTS_3 if AIRFLOW_3 else _COMPONENTS_2).items()
        }
        stack.callback(_end, home, components)
        for component in components.values():
            component.start()
        try:
            rest.until(rest.healthy, seconds=180)
        except AssertionError as error:
            tails = (f"{part.name}:\n{part.log.read_text()[-2000:]}" for part in components.values())
            raise AssertionError("Airflow did not come up.\n\n" + "\n\n".join(tails)) from error
        yield Installation(home, database, rest, components)


_TRIGGERERS = {
    "triggerer-1": "triggerer --skip-serve-logs --capacity 1000",
    "triggerer-2": "triggerer --skip-serve-logs --capacity 1000",
}
_WORKER = "celery worker --skip-serve-logs --without-mingle --without-gossip --concurrency 8"
_COMPONENTS_3 = {
    "api-server": "api-server",
    "scheduler": "scheduler --skip-serve-logs",
    "dag-processor": "dag-processor",
    "worker-1": f"{_WORKER} --celery-hostname one@%h --pid worker-1.pid --queues default,crowd",
    "worker-2": f"{_WORKER} --celery-hostname two@%h --pid worker-2.pid --queues doomed,crowd",
    **_TRIGGERERS,
}
_COMPONENTS_2 = {
    "webserver": "webserver",
    "scheduler": "scheduler --skip-serve-logs",
    **_TRIGGERERS,
}


def _env(home: Path, port: int, database: str, broker: str) -> dict[str, str]:
    options: dict[str, dict[str, Any]] = {
        "core": {
            "dags_folder": ROOT / "tests/distributed/dags",
            "load_examples": False,
            "fernet_key": _KEY,
            "parallelism": 32,
            "max_active_tasks_per_dag": 400,
            "executor": "CeleryExecutor" if AIRFLOW_3 else "LocalExecutor",
            "execution_api_server_url": f"http://127.0.0.1:{port}/execution/",
            "simple_auth_manager_all_admins": True,
        },
        "database": {"sql_alchemy_conn": f"postgresql+psycopg2://{database}"},
        "api_auth": {"jwt_secret": _SECRET},
        "celery": {
            "broker_url": broker,
            "result_backend": f"db+postgresql+psycopg2://{database}",
            "worker_prefetch_multiplier": 1,
        },
        "dag_processor": {"refresh_interval": 5},
        "scheduler": {
            "task_instance_heartbeat_timeout": DEAD_AFTER,
            "task_instance_heartbeat_timeout_detection_interval": 3,
            "scheduler_zombie_task_threshold": DEAD_AFTER,
            "zombie_detection_interval": 3,
            "dag_dir_list_interval": 5,
            "max_tis_per_query": 64,
        },
        "triggerer": {"job_heartbeat_sec": 2, "triggerer_health_check_threshold": DEAD_AFTER},
        "usage_data_collection": {"enabled": False},
    }
    if AIRFLOW_3:
        options["api"] = {"host": "127.0.0.1", "port": port, "secret_key": _SECRET}
    else:
        basic = "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth"
        options["api"] = {"auth_backends": basic}
        options["webserver"] = {
            "web_server_host": "127.0.0.1",
            "web_server_port": port,
            "workers": 1,
            "secret_key": _SECRET,
        }
    return {
        "AIRFLOW_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # For the accidents that befall operators and triggers.
        "PYTHONPATH": str(ROOT),
        **{
            f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
            for section, values in options.items()
            for key, value in values.items()
        },
    }


def _end(home: Path, components: Mapping[str, Component]) -> None:
    started = [component for component in components.values() if hasattr(component, "process")]
    for component in reversed(started):
        component.tell(signal.SIGCONT)
        component.process.terminate()
    for component in started:
        end_group(component.process)
    # Tasks run in process groups of their own; what outlived its parent is known by its home.
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("AIRFLOW_HOME") == str(home) and process.pid != os.getpid():
                process.kill()
