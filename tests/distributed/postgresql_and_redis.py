"""PostgreSQL and Redis for a distributed Airflow, each in a folder and on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from tests.support.processes import end_process_group, free_port


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL; yield user, host, port and database as a URL has them."""
    port = free_port()
    address = f"airflow@127.0.0.1:{port}/postgres"
    with _folder("postgresql") as folder:
        # PostgreSQL refuses to run as root.
        user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
        user = user if os.geteuid() == 0 else {}
        if user:
            shutil.chown(folder, "postgres", "postgres")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 400,
            # It lives for minutes.
            "fsync": "off",
        }
        command = [_postgresql("initdb"), "-D", "data", "-U", "airflow", "-A", "trust", "--no-sync"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, **user)
        command = [_postgresql("postgres"), "-D", "data"]
        command += [f"--{name}={value}" for name, value in options.items()]
        with _running(command, folder, signal.SIGINT, **user):
            _until(lambda: psycopg2.connect(f"postgresql://{address}").close(), psycopg2.OperationalError)
            yield address


@contextmanager
def redis() -> Iterator[str]:
    """Run Redis; yield its URL."""
    from redis import ConnectionError, Redis

    port = free_port()
    with _folder("redis") as folder:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        with _running(command, folder, signal.SIGTERM):
            _until(lambda: Redis(port=port).ping(), ConnectionError)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"airflow-provider-apify-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(command: list[str], folder: Path, end: signal.Signals, **user: Any) -> Iterator[None]:
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True, **user
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(end)
            end_process_group(process)


def _postgresql(program: str) -> str:
    """Return the path of a program, which Debian keeps in a folder that is not on the PATH."""
    found = shutil.which(program) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{program}")))
    return str(found)


def _until(attempt: Callable[[], Any], failure: type[Exception]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            attempt()
        except failure:
            assert time.monotonic() < deadline, "The server did not come up."
            time.sleep(0.1)
        else:
            return
