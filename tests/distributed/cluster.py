"""An Airflow of many processes: with Celery on 3.3, with the LocalExecutor on 2.11."""

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

from tests.distributed.postgresql_and_redis import postgresql, redis
from tests.support.airflow_api import AirflowApi, wait_for
from tests.support.airflow_defects import Observation
from tests.support.airflow_home import AirflowHome
from tests.support.processes import end_process_group, free_port, kill_process_tree, signal_process_tree

AIRFLOW_3 = not airflow_version.startswith("2.")
ROOT = Path(__file__).parents[2]

#: Seconds without a heartbeat after which Airflow takes a triggerer or a task for dead.
DEAD_AFTER = 15

_SECRET, _KEY = secrets.token_hex(32), base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
_LOGIN = "tester"


@dataclass
class Component:
    """
    A part of Airflow that runs as a process.

    :param arguments: arguments of the `airflow` command.
    """

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    home: Path
    process: subprocess.Popen[Any] = field(init=False)

    @property
    def log(self) -> Path:
        """Return the file that its output goes to."""
        return self.home / f"{self.name}.log"

    def start(self) -> None:
        """Start the process."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *self.arguments],
                env=os.environ | self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all that it started."""
        signal_process_tree(self.process.pid, number)

    def kill(self) -> None:
        """Kill the process with all that it started."""
        kill_process_tree(self.process.pid)
        self.process.wait()

    def stop(self) -> None:
        """End the process in order."""
        self.process.terminate()
        self.process.wait(60)


@dataclass
class AirflowCluster:
    """
    A running Airflow.

    :param home: folder of the logs.
    :param database: user, host, port and name of the metadata database, as a URL has them.
    """

    home: Path
    database: str
    api: AirflowApi
    components: dict[str, Component]

    def sql(self, statement: str) -> list[Any]:
        """Query the metadata database."""
        connection = psycopg2.connect(f"postgresql://{self.database}")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()


@contextmanager
def airflow_cluster(home: Path, connections: Mapping[str, Any]) -> Iterator[AirflowCluster]:
    """Run an Airflow in a home of its own, and stop it again."""
    port = free_port()
    with ExitStack() as stack:
        database = stack.enter_context(postgresql())
        broker = stack.enter_context(redis()) if AIRFLOW_3 else ""
        env = _env(port, database, broker)
        env |= {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}
        airflow = AirflowHome(home, env)
        airflow.command("db", "migrate")
        components = {
            name: Component(name, tuple(command.split()), airflow.env, home)
            for name, command in (_COMPONENTS_3 if AIRFLOW_3 else _COMPONENTS_2).items()
        }
        api = AirflowApi(f"http://127.0.0.1:{port}", observation=Observation(components["scheduler"].log))
        if not AIRFLOW_3:
            user = ["--username", _LOGIN, "--password", _LOGIN, "--role", "Admin", "--email", "t@example.com"]
            airflow.command("users", "create", *user, "--firstname", "T", "--lastname", "T")
            login = base64.b64encode(f"{_LOGIN}:{_LOGIN}".encode()).decode()
            api.root, api.headers["Authorization"] = "/api/v1", f"Basic {login}"
        stack.callback(_end, home, components)
        for component in components.values():
            component.start()
        try:
            wait_for(api.is_healthy, seconds=300)
        except AssertionError as error:
            tails = (f"{part.name}:\n{part.log.read_text()[-2000:]}" for part in components.values())
            raise AssertionError("Airflow did not come up.\n\n" + "\n\n".join(tails)) from error
        yield AirflowCluster(home, database, api, components)


_TRIGGERERS = {
    "triggerer-1": "triggerer --skip-serve-logs --capacity 1000",
    "triggerer-2": "triggerer --skip-serve-logs --capacity 1000",
}
_WORKER = "celery worker --skip-serve-logs --without-mingle --without-gossip --concurrency 16"
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


def _env(port: int, database: str, broker: str) -> dict[str, str]:
    options: dict[str, dict[str, Any]] = {
        "core": {
            "dags_folder": ROOT / "tests/distributed/dags",
            "load_examples": False,
            "fernet_key": _KEY,
            "parallelism": 40,
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
        # For the operators and triggers that die.
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
        component.send_signal(signal.SIGCONT)
        component.process.terminate()
    for component in started:
        end_process_group(component.process)
    # Tasks run in process groups of their own; what outlived its parent is known by its home.
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("AIRFLOW_HOME") == str(home) and process.pid != os.getpid():
                process.kill()
