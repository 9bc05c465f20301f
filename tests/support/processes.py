"""Free ports, and groups and trees of processes that are signalled and ended as a whole."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import Any

import psutil


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def end_process_group(process: subprocess.Popen[Any]) -> None:
    """End a process and all that it started: Airflow leaves its children behind otherwise."""
    for number, seconds in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _is_group_alive(process):
            time.sleep(0.2)


def _is_group_alive(process: subprocess.Popen[Any]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def signal_process_tree(pid: int, number: signal.Signals) -> list[psutil.Process]:
    """Send a signal to a process and to all that it started; return these processes."""
    tree = [psutil.Process(pid)]
    tree += tree[0].children(recursive=True)
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    return tree


def kill_process_tree(pid: int) -> None:
    """Kill a process with all that it started, as if their machine had died."""
    # Frozen first: no process is left awake to report the death of the others.
    for process in signal_process_tree(pid, signal.SIGSTOP):
        with suppress(psutil.NoSuchProcess):
            process.kill()
