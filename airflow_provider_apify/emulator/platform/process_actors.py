"""Actors that are processes: output, exit code, memory limit, graceful abort, kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import IO, Any

from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.run_life_cycle import Run

SAMPLE_SECONDS = 0.5
PERSIST_SECONDS = 60


class ProcessExecution:
    """
    The command of an Actor in a process group of its own.

    Output becomes the run's log, the exit code ends the run. Where ``psutil`` is installed, a process group
    above the run's memory is killed, as a container would be.
    """

    def __init__(self, run: Run, command: Sequence[str], environment: dict[str, str]) -> None:
        self._run = run
        self._environment = environment
        self._command = [sys.executable if part == "python" else part for part in command]
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._problem: str | None = None

    def start(self) -> None:
        """Start the process."""
        try:
            process = subprocess.Popen(  # noqa: S603 (the Actor's own command)
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=self._run.actor.cwd,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as problem:
            self._run.log.write(f"ACTOR: Cannot start {self._command[0]}: {problem}")
            self._run.ended(self, 1)
            return
        self._process = process
        # Also at the end of the interpreter, so that no Actor outlives the emulator.
        self._kill = weakref.finalize(self, _kill_group, process.pid)
        assert process.stdout
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        threading.Thread(target=self._watch, args=(process, reader), daemon=True).start()

    def warn(self) -> None:
        """Send the events that precede a graceful abort."""
        self._run.events.send("aborting", {})
        self._run.events.send("persistState", {"isMigrating": False})

    def stop(self) -> None:
        """Kill the process and its children."""
        self._stopped = True
        if self._process:
            self._kill()

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                if not self._stopped:
                    self._run.log.write(line)

    def _watch(self, process: subprocess.Popen[str], reader: threading.Thread) -> None:
        clock = self._run.platform.clock
        persist_at = clock.time() + PERSIST_SECONDS
        meter = _Meter(process.pid)
        while True:
            try:
                code = process.wait(SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                self._sample(meter)
            if clock.time() >= persist_at:
                persist_at = clock.time() + PERSIST_SECONDS
                self._run.events.send("persistState", {"isMigrating": False})
        self._kill()
        reader.join(1)
        # A container shows 128 plus the signal for a process that a signal has ended.
        self._run.ended(self, code if code >= 0 else 128 - code, self._problem)

    def _sample(self, meter: _Meter) -> None:
        run = self._run
        memory, cpu = meter.read()
        run.peak_memory_bytes = max(run.peak_memory_bytes, memory)
        run.events.send(
            "systemInfo",
            {
                "createdAt": iso(time.time()),
                **dict.fromkeys(("memAvgBytes", "memCurrentBytes"), memory),
                "memMaxBytes": run.options.memory_mbytes << 20,
                **dict.fromkeys(("cpuAvgUsage", "cpuMaxUsage", "cpuCurrentUsage"), cpu),
                "isCpuOverloaded": False,
            },
        )
        if memory > run.options.memory_mbytes << 20:
            self._problem = f"The Actor run exceeded its memory limit of {run.options.memory_mbytes} MB."
            run.log.write(f"ACTOR: {self._problem}")
            self._kill()


class _Meter:
    """Memory and CPU of a process and its children; zeros without ``psutil``."""

    def __init__(self, pid: int) -> None:
        self._process: Any = None
        try:
            import psutil
        except ImportError:
            return
        self._gone = psutil.Error
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(pid)

    def read(self) -> tuple[int, float]:
        """Return resident bytes, and CPU in percent of one core."""
        memory, cpu = 0, 0.0
        if self._process is not None:
            with contextlib.suppress(self._gone):
                for process in (self._process, *self._process.children(recursive=True)):
                    with contextlib.suppress(self._gone):
                        memory += process.memory_info().rss
                        cpu += process.cpu_percent()
        return memory, cpu


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
