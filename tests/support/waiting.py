"""Waiting for other threads, and killing a task as Airflow does it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait, in real time, for something that another thread or process is about to do."""
    waited = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        waited.wait(0.01)
    raise AssertionError("It did not happen in time.")


@contextmanager
def killed(operator: Any, once: Callable[[], Any]) -> Iterator[None]:
    """Kill a task at work as Airflow does it: a signal handler calls `on_kill`, and nothing else."""

    def kill() -> None:
        wait_until(once)
        os.kill(os.getpid(), signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        killer.join()
        signal.signal(signal.SIGUSR1, previous)
