"""Actors that are real programs: a command, run with the environment Apify gives its containers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import IO, Any

from airflow_provider_apify.emulator.clock import iso
from airflow_provider_apify.emulator.runs import Run

SAMPLE_SECONDS = 0.5
PERSIST_SECONDS = 60


class ProcessExecution:
    """Runs the command of an Actor in a process group of its own.

    What it prints is the run's log, its exit code ends the run. The sum of its processes' memory is watched
    where ``psutil`` is installed; above the run's limit it is killed, as a container would be.
    """

    def __init__(self, run: Run, command: Sequence[str]) -> None:
        self._run = run
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
                env=environment(self._run),
                start_new_session=True,
            )
        except OSError as problem:
            self._run.log.write(f"ACTOR: Cannot start {self._command[0]}: {problem}")
            self._run.ended(self, 1)
            return
        self._process = process
        # Also at the end of the interpreter: no Actor outlives its platform.
        self._kill = weakref.finalize(self, _kill_group, process.pid)
        assert process.stdout
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        threading.Thread(target=self._watch, args=(process, reader), daemon=True).start()

    def warn(self) -> None:
        """Send the events that go before a graceful abort."""
        self._run.events.send("aborting", {})
        self._run.events.send("persistState", {"isMigrating": False})

    def stop(self) -> None:
        """Kill the process and all it started."""
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
        # A process ended by a signal: the code that a container shows for it.
        self._run.ended(self, code if code >= 0 else 128 - code, self._problem)

    def _sample(self, meter: _Meter) -> None:
        run = self._run
        memory, cpu = meter.read()
        run.peak_memory_bytes = max(run.peak_memory_bytes, memory)
        run.events.send(
            "systemInfo",
            {
                "createdAt": iso(time.time()),
                "memAvgBytes": memory,
                "memCurrentBytes": memory,
                "memMaxBytes": run.options.memory_mbytes << 20,
                "cpuAvgUsage": cpu,
                "cpuMaxUsage": cpu,
                "cpuCurrentUsage": cpu,
                "isCpuOverloaded": False,
            },
        )
        if memory > run.options.memory_mbytes << 20:
            self._problem = f"The Actor run exceeded its memory limit of {run.options.memory_mbytes} MB."
            run.log.write(f"ACTOR: {self._problem}")
            self._kill()


class _Meter:
    """Reads memory and CPU of a process and all it started; zeros without ``psutil``."""

    def __init__(self, pid: int) -> None:
        try:
            import psutil
        except ImportError:
            self._process: Any = None
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


def environment(run: Run) -> dict[str, str]:
    """Return the environment of a run, as Apify sets it; ours is inherited but for its ``APIFY_*``."""
    platform = run.platform
    if platform.url is None:
        raise RuntimeError("An Actor that is a process needs a server to talk to: start runs while serving.")
    foreign = ("APIFY_", "ACTOR_", "CRAWLEE_")
    timeout = run.options.timeout_secs
    pricing = run.actor.pricing_info()
    own: dict[str, Any] = {
        "APIFY_IS_AT_HOME": "1",
        "APIFY_TOKEN": platform.token_for(run),
        "APIFY_API_BASE_URL": platform.url,
        "APIFY_API_PUBLIC_BASE_URL": platform.url,
        "APIFY_USER_ID": run.user.id,
        "APIFY_USER_IS_PAYING": "1" if run.user.is_paying else "0",
        "APIFY_META_ORIGIN": run.meta["origin"],
        "APIFY_DEDICATED_CPUS": run.options.memory_mbytes / 4096,
        "APIFY_ACTOR_PRICING_INFO": json.dumps(pricing) if pricing else None,
        "APIFY_CHARGED_ACTOR_EVENT_COUNTS": json.dumps(run.charged) if pricing else None,
        "ACTOR_ID": run.actor.id,
        "ACTOR_FULL_NAME": run.actor.full_name,
        "ACTOR_RUN_ID": run.id,
        "ACTOR_TASK_ID": run.task.id if run.task else None,
        "ACTOR_BUILD_ID": run.actor.build_id,
        "ACTOR_BUILD_NUMBER": run.actor.build_number,
        "ACTOR_BUILD_TAGS": run.actor.default_build,
        "ACTOR_DEFAULT_DATASET_ID": run.dataset.id,
        "ACTOR_DEFAULT_KEY_VALUE_STORE_ID": run.store.id,
        "ACTOR_DEFAULT_REQUEST_QUEUE_ID": run.queue.id,
        "ACTOR_INPUT_KEY": run.input_key,
        "ACTOR_MEMORY_MBYTES": run.options.memory_mbytes,
        "ACTOR_STARTED_AT": iso(run.started_at),
        "ACTOR_TIMEOUT_AT": iso(run.started_at + timeout) if timeout else None,
        "ACTOR_MAX_PAID_DATASET_ITEMS": run.options.max_items,
        "ACTOR_MAX_TOTAL_CHARGE_USD": run.options.max_total_charge_usd,
        "ACTOR_EVENTS_WEBSOCKET_URL": f"{platform.url.replace('http', 'ws', 1)}/__emulator__/events/{run.id}",
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        **run.actor.env,
        **{name: str(value) for name, value in own.items() if value is not None},
    }


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
