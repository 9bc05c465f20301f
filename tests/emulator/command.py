"""The emulator as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests


class Command:
    """The emulator as a process."""

    def __init__(self, line: str, export: str) -> None:
        self.url, self.token = line.split()[3].rstrip(","), line.split()[-1]
        self.export = export

    def __call__(
        self, method: str, path: str, *, more: dict[str, str] | None = None, **options: object
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | (more or {})
        return requests.request(method, self.url + path, headers=headers, timeout=30, **options)  # type: ignore[arg-type]


@contextmanager
def run_command(*arguments: str) -> Iterator[Command]:
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_apify.emulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield Command(process.stdout.readline(), process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()
