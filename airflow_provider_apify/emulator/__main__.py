"""``python -m airflow_provider_apify.emulator``: serve until stopped."""

from __future__ import annotations

import argparse
import contextlib
import json
import runpy
import secrets
import shlex
import signal
import threading
from pathlib import Path

from airflow_provider_apify.emulator.local_apify import DEFAULT_USERNAME, Emulator
from airflow_provider_apify.emulator.platform import saved_state


def main() -> None:
    """Run the emulator as a command."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_apify.emulator", description=main.__doc__
    )
    parser.add_argument(
        "--port", type=int, default=8010, help="port on 127.0.0.1, 0 for a free one (%(default)s)"
    )
    parser.add_argument("--token", help="API token of the default user; by default a random one")
    parser.add_argument("--username", default=DEFAULT_USERNAME, help="name of the default user (%(default)s)")
    parser.add_argument(
        "--actors",
        metavar="FILE.py",
        help="Python file that registers Actors, tasks and users with the global name `emulator`",
    )
    parser.add_argument("--speed", type=float, default=1, help="emulated seconds per second (%(default)s)")
    parser.add_argument(
        "--state", metavar="DIR", type=Path, help="folder to save the state in; by default it is lost"
    )
    options = parser.parse_args()
    _allow_many_connections()
    # A page in the developer's browser must not know it: a run may start a process.
    emulator = Emulator(options.token or f"apify_api_{secrets.token_hex(16)}", options.username)
    emulator.clock.speed = options.speed
    if options.actors:
        runpy.run_path(options.actors, {"emulator": emulator})
    if options.state:
        saved_state.load(emulator.platform, options.state)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with emulator.serve(options.port) as server:
        connection = json.dumps({"conn_type": "apify", "host": server.url, "password": server.token})
        print(f"Apify emulator at {server.url}, token {server.token}")
        print(f"export AIRFLOW_CONN_APIFY_DEFAULT={shlex.quote(connection)}", flush=True)
        stopped.wait()
    emulator.close()
    if options.state:
        saved_state.save(emulator.platform, options.state)


def _allow_many_connections() -> None:
    # Each client that waits holds a connection; the usual soft limit of open files is 1,024.
    with contextlib.suppress(ImportError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
