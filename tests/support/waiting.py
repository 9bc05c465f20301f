"""Waiting for other threads, and killing a task as Airflow does it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def wait_until(condition: Callable[[], Any], seconds: float = 30, *, interval: float = 0.01) -> Any:
    """Wait, in real time, until a condition holds; return what it gave."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"The condition did not hold within {seconds:.0f} s."
        pause.wait(interval)
    return result


def _is_logging(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return any(
        frame.f_globals["__name__"].startswith("structlog") for frame, _ in traceback.walk_stack(frame)
    )


@contextmanager
def killed(operator: Any, once: Callable[[], Any]) -> Iterator[None]:
    """Kill a task at work as Airflow does it: a signal handler calls `on_kill`, and nothing else."""

    def kill() -> None:
        wait_until(once)
        # A handler that logs within a log call waits for structlog's lock for ever; Airflow ends such a task
        # with SIGKILL five seconds later.
        wait_until(lambda: not _is_logging(threading.main_thread()), interval=0)
        os.kill(os.getpid(), signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        killer.join()
        signal.signal(signal.SIGUSR1, previous)
