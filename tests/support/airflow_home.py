"""An Airflow in a home of its own: its commands, and `airflow standalone`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.airflow_api import AirflowApi, wait_for
from tests.support.airflow_defects import Observation
from tests.support.processes import end_process_group, free_port


@dataclass
class AirflowHome:
    """
    An Airflow home.

    :param env: what its processes get beside the environment of the tests.
    """

    path: Path
    env: dict[str, str]

    def __post_init__(self) -> None:
        # `airflow standalone` starts its parts as `airflow …`.
        bin_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = {"AIRFLOW_HOME": str(self.path), "PATH": bin_path, **self.env}

    def use_dags(self, folder: Path) -> None:
        """Take the DAGs from a folder."""
        self.env["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an Airflow command."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=os.environ | self.env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return done

    def test_dag(self, dag_id: str, conf: Mapping[str, Any], *, check: bool = True) -> str:
        """Run a DAG as `airflow dags test` does; return all that it printed."""
        done = self.command("dags", "test", dag_id, "--conf", json.dumps(conf), check=check)
        return done.stdout + done.stderr

    @contextmanager
    def standalone(self, password: str | None = None) -> Iterator[AirflowApi]:
        """
        Run the whole of Airflow, and stop it again.

        :param password: password of the user `admin`; None lets everybody in.
        """
        passwords, log = self.path / "passwords.json", self.path / "standalone.log"
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
            log.open("w") as output,
            subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=os.environ | env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                api = AirflowApi(f"http://127.0.0.1:{port}", observation=Observation(log))
                wait_for(api.is_healthy, seconds=300)
                if password is not None:
                    login = {"username": "admin", "password": password}
                    token = api.post("/auth/token", login)["access_token"]
                    api.headers["Authorization"] = f"Bearer {token}"
                yield api
            finally:
                end_process_group(process)
