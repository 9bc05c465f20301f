"""Waiting for other threads, and killing a task as Airflow does it."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def wait_until(condition: Callable[[], Any], seconds: float = 30, *, interval: float = 0.01) -> Any:
    """Wait, in real time, until a condition holds; return what it gave."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"The condition did not hold within {seconds:.0f} s."
        pause.wait(interval)
    return result


@contextmanager
def killed(operator: Any, once: Callable[[], Any]) -> Iterator[None]:
    """
    Kill a task at work as Airflow does it: a signal handler calls `on_kill`, and nothing else.

    A file or socket that had no owner yet at that moment would end with the process of a real task; here
    Python finds it later, so it is found before the kill is over, and without the warning.
    """
    handled = threading.Event()

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    def kill_once() -> None:
        wait_until(once)
        kill()

    def handle(_: int, interrupted: FrameType | None) -> None:
        # A handler that logs within a log call waits for structlog's lock for ever; Airflow ends such a task
        # with SIGKILL five seconds later. So the kill comes a moment later.
        frames = [frame for frame, _ in traceback.walk_stack(interrupted)]
        if any(frame.f_globals.get("__name__", "").startswith("structlog") for frame in frames):
            threading.Timer(0.001, kill).start()
            return
        handled.set()
        operator.on_kill()

    previous = signal.signal(signal.SIGUSR1, handle)
    killer = threading.Thread(target=kill_once)
    killer.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            killer.join()
            was_handled = handled.wait(5)
            signal.signal(signal.SIGUSR1, previous)
            gc.collect()
        assert was_handled, "The task ended before it could be killed."
