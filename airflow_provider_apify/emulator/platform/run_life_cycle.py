"""The life cycle of a run: from READY to one of the four final statuses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Protocol

from airflow_provider_apify.emulator.platform.actor_events import Events
from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.clock import Clock, Notifier, Timer, iso
from airflow_provider_apify.emulator.platform.datasets import Dataset
from airflow_provider_apify.emulator.platform.ids_and_names import new_id
from airflow_provider_apify.emulator.platform.key_value_stores import KeyValueStore, Record
from airflow_provider_apify.emulator.platform.request_queues import RequestQueue
from airflow_provider_apify.emulator.platform.run_logs import Log
from airflow_provider_apify.emulator.platform.run_options import RunOptions
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.uncertain_behaviour import Switches
from airflow_provider_apify.emulator.platform.users import User

TERMINAL = {"SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED"}
STATUSES = TERMINAL | {"READY", "RUNNING", "TIMING-OUT", "ABORTING"}
ORIGINS = {"DEVELOPMENT", "WEB", "API", "SCHEDULER", "TEST", "WEBHOOK", "ACTOR", "CLI", "CI"}
ORIGINS |= {"STANDBY", "MCP", "APIFY_AI"}
GRACE_SECONDS = 30
MAX_RESTARTS = 3


class Execution(Protocol):
    """The Actor's code in execution: a thread or a process."""

    def start(self) -> None:
        """Start the code, which calls :meth:`Run.ended` when it ends."""

    def warn(self) -> None:
        """Tell the code that it will be stopped soon (graceful abort)."""

    def stop(self) -> None:
        """Stop the code, which has no further effect."""


class Host(Protocol):
    """The platform as far as a run needs it."""

    lock: RLock
    clock: Clock
    switches: Switches

    def execution_of(self, run: Run) -> Execution:
        """Make the execution of the Actor's code."""

    def emit(self, event: str, run: Run) -> None:
        """Tell webhooks of an event in the life of a run."""


@dataclass
class Run:
    """A run of an Actor."""

    platform: Host
    user: User
    actor: Actor
    task: Task | None
    options: RunOptions
    meta: dict[str, Any]
    dataset: Dataset
    store: KeyValueStore
    queue: RequestQueue
    id: str = field(default_factory=new_id)
    input_key: str = "INPUT"
    status: str = "READY"
    status_message: str | None = None
    is_status_message_terminal: bool | None = None
    exit_code: int | None = None
    started_at: float = 0
    finished_at: float | None = None
    general_access: str = "FOLLOW_USER_SETTING"
    integration: dict[str, str] | None = None
    charged: dict[str, int] = field(default_factory=dict)
    charge_keys: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("migrationCount", "rebootCount", "restartCount", "resurrectCount"), 0
        )
    )
    metamorphs: list[dict[str, Any]] = field(default_factory=list)
    peak_memory_bytes: int = 0

    def __post_init__(self) -> None:
        # The API shows milliseconds; `startedAfter` compares with the same value.
        self.started_at = math.floor(self.platform.clock.time() * 1000) / 1000
        self.log = Log(self.platform.clock)
        self.changed = Notifier()
        self.events = Events()
        self._execution: Execution | None = None
        self._timers: list[Timer] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_execution": None, "_timers": []}

    @property
    def is_finished(self) -> bool:
        """Whether the run has one of the four final statuses."""
        return self.status in TERMINAL

    @property
    def input(self) -> Record | None:
        """The record the Actor reads its input from."""
        return self.store.records.get(self.input_key)

    def launch(self) -> None:
        """Start the Actor's code, after ``Switches.ready_seconds``."""
        self.platform.emit("ACTOR.RUN.CREATED", self)
        if self.platform.switches.ready_seconds:
            self._after(self.platform.switches.ready_seconds, self._begin)
        else:
            self._begin()

    def ended(self, execution: Execution, exit_code: int, message: str | None = None) -> None:
        """Finish or restart the run, unless the execution that ended was already replaced or stopped."""
        with self.platform.lock:
            if execution is not self._execution or self.is_finished:
                return
            restarts = self.counts["restartCount"]
            if self.status == "ABORTING":
                self._finish("ABORTED", exit_code)
            elif exit_code == 0:
                self._finish("SUCCEEDED", 0, message)
            elif self.options.restart_on_error and restarts < MAX_RESTARTS and self.status == "RUNNING":
                self.counts["restartCount"] += 1
                self.log.write("ACTOR: Run failed, restarting.")
                self._execute()
            else:
                self._finish("FAILED", exit_code, message)

    def abort(self, *, gracefully: bool = False) -> bool:
        """Abort the run and say whether that changed anything."""
        with self.platform.lock:
            if self.is_finished or self.status in ("ABORTING", "TIMING-OUT"):
                return False
            self._set_status("ABORTING")
            self.log.write("ACTOR: Run was aborted." if not gracefully else "ACTOR: Aborting gracefully.")
            if gracefully and self._execution is not None:
                self._after(GRACE_SECONDS, lambda: self._stopped("ABORTED"))
                self._execution.warn()
            else:
                self._stop("ABORTED")
            return True

    def cut_off(self) -> None:
        """End the run as ABORTED at once, as when the platform itself stops."""
        self._stopped("ABORTED")

    def reboot(self) -> None:
        """Start the Actor's code anew in the same run."""
        with self.platform.lock:
            if self.status != "RUNNING":
                raise ApiError(403, "job-finished", "Actor job is already finished.")
            self.counts["rebootCount"] += 1
            self.log.write("ACTOR: Rebooting.")
            self._execute()

    def metamorph(self, actor: Actor, record: Record | None) -> None:
        """Continue as a run of another Actor, with new input and the same storages."""
        with self.platform.lock:
            if self.status != "RUNNING":
                raise ApiError(403, "job-finished", "Actor job is already finished.")
            if len(self.metamorphs) >= 10:
                raise ApiError(400, "max-metamorphs-exceeded", "A run may be metamorphed at most 10 times.")
            self.input_key = f"INPUT-METAMORPH-{len(self.metamorphs) + 1}"
            if record is not None:
                self.store.put(self.input_key, record)
            self.actor = actor
            self.metamorphs.append(
                {
                    "createdAt": iso(self.platform.clock.time()),
                    "actorId": actor.id,
                    "buildId": actor.build_id,
                    "inputKey": self.input_key,
                }
            )
            self.log.write(f"ACTOR: Metamorphing into {actor.full_name}.")
            self._execute()

    def resurrect(self) -> None:
        """Bring a finished run back to life, with the same id and storages."""
        with self.platform.lock:
            self.counts["resurrectCount"] += 1
            self.finished_at = self.exit_code = self.status_message = None
            self.is_status_message_terminal = None
            self.log.write("ACTOR: Run was resurrected.")
            self._set_status("RUNNING")
            self.platform.emit("ACTOR.RUN.RESURRECTED", self)
            self._begin()

    def charge(self, event: str, count: int) -> None:
        """Count events that the user pays for."""
        with self.platform.lock:
            self.charged[event] = self.charged.get(event, 0) + count

    def _begin(self) -> None:
        with self.platform.lock:
            if self.is_finished or self.status == "ABORTING":
                return
            self._set_status("RUNNING")
            if self.options.timeout_secs:
                self._after(self.options.timeout_secs, self._time_out)
            self.log.write("ACTOR: Creating container.")
            self.log.write("ACTOR: Starting container.")
            self._execute()

    def _execute(self) -> None:
        self._stop_execution()
        self._execution = self.platform.execution_of(self)
        self._execution.start()

    def _time_out(self) -> None:
        with self.platform.lock:
            if self.status == "RUNNING":
                self._set_status("TIMING-OUT")
                self.log.write(f"ACTOR: The run timed out after {self.options.timeout_secs} seconds.")
                self._stop("TIMED-OUT")

    def _stop(self, status: str) -> None:
        self._stop_execution()
        self._after(self.platform.switches.stop_seconds, lambda: self._stopped(status))

    def _stop_execution(self) -> None:
        # Replaced before it is stopped, so that `ended` ignores the end of the stopped code.
        execution, self._execution = self._execution, None
        if execution is not None:
            execution.stop()

    def _stopped(self, status: str) -> None:
        with self.platform.lock:
            if not self.is_finished:
                self._stop_execution()
                # 143 is what a container stopped by SIGTERM leaves; what the live service shows is unknown.
                self._finish(status, 143)

    def _finish(self, status: str, exit_code: int, message: str | None = None) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._execution = None
        self.finished_at = self.platform.clock.time()
        self.exit_code = exit_code
        if message is not None:
            self.status_message, self.is_status_message_terminal = message, True
        self._set_status(status)
        self.log.changed.notify()
        self.platform.emit(f"ACTOR.RUN.{status.replace('-', '_')}", self)

    def _set_status(self, status: str) -> None:
        self.status = status
        self.changed.notify()

    def _after(self, seconds: float, callback: Any) -> None:
        self._timers.append(self.platform.clock.call_at(self.platform.clock.time() + seconds, callback))
