"""A run: its life from READY to one of the four ends, and how the API shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_apify.emulator.accounts import Actor, Task, User
from airflow_provider_apify.emulator.clock import Notifier, Timer, iso
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.events import Events
from airflow_provider_apify.emulator.logs import Log
from airflow_provider_apify.emulator.queues import RequestQueue
from airflow_provider_apify.emulator.storages import Dataset, KeyValueStore, Record, new_id

if TYPE_CHECKING:
    from airflow_provider_apify.emulator.platform import Platform

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED"})
STATUSES = TERMINAL | {"READY", "RUNNING", "TIMING-OUT", "ABORTING"}
ORIGINS = frozenset(
    [
        "DEVELOPMENT",
        "WEB",
        "API",
        "SCHEDULER",
        "TEST",
        "WEBHOOK",
        "ACTOR",
        "CLI",
        "CI",
        "STANDBY",
        "MCP",
        "APIFY_AI",
    ]
)
GRACE_SECONDS = 30
MAX_RESTARTS = 3
USD_PER_COMPUTE_UNIT = 0.3


class Execution(Protocol):
    """Whatever runs the Actor's code."""

    def start(self) -> None:
        """Begin; the end is told to :meth:`Run.ended`."""

    def warn(self) -> None:
        """Tell the code that it will be stopped soon (graceful abort)."""

    def stop(self) -> None:
        """Stop the code; what it still does has no effect."""


@dataclass
class RunOptions:
    """Options of a run, after defaults of task and Actor are filled in."""

    build: str
    timeout_secs: int
    memory_mbytes: int
    max_items: int | None = None
    max_total_charge_usd: float | None = None
    restart_on_error: bool = False


@dataclass
class Run:
    """A run of an Actor."""

    platform: Platform
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
        # What is shown has milliseconds; what is compared must have no more.
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
        """Whether the run has come to one of its four ends."""
        return self.status in TERMINAL

    @property
    def input(self) -> Record | None:
        """The record the Actor reads its input from."""
        return self.store.records.get(self.input_key)

    def launch(self) -> None:
        """Give the run to an execution, after as long as ``Switches.ready_seconds``."""
        self.platform.emit("ACTOR.RUN.CREATED", self)
        if self.platform.switches.ready_seconds:
            self._after(self.platform.switches.ready_seconds, self._begin)
        else:
            self._begin()

    def ended(self, execution: Execution, exit_code: int, message: str | None = None) -> None:
        """Take the end of the Actor's code; ignored when that execution was already replaced or stopped."""
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
        """Stop the run; say whether that changed anything."""
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
        """End the run as ABORTED at once: the platform itself stops."""
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
        """Go on as a run of another Actor, with new input and the same storages."""
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
        """Count events the user pays for."""
        with self.platform.lock:
            self.charged[event] = self.charged.get(event, 0) + count

    def charged_usd(self) -> float:
        """What the charged events cost."""
        return sum(self.actor.pay_per_event.get(event, 0) * count for event, count in self.charged.items())

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
        # Forgotten before it is told: what it says of its end no longer counts.
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

    # -- how the API shows it -------------------------------------------------------------------------------

    def describe(self, *, private: bool = True) -> dict[str, Any]:
        """Return the run object of the API.

        :param private: Whether to show costs, which only callers with a token see.
        """
        seconds = (self.finished_at or self.platform.clock.time()) - self.started_at
        memory = self.options.memory_mbytes
        units = seconds / 3600 * memory / 1024
        stats: dict[str, Any] = {
            "inputBodyLen": len(self.input.value) if self.input else 0,
            **self.counts,
            "computeUnits": units if self.is_finished else 0,
        }
        if self.is_finished:
            stats |= {
                "durationMillis": int(seconds * 1000),
                "runTimeSecs": seconds,
                "metamorph": len(self.metamorphs),
                "memMaxBytes": self.peak_memory_bytes,
            }
        run: dict[str, Any] = {
            **self._common(),
            "statusMessage": self.status_message,
            "isStatusMessageTerminal": self.is_status_message_terminal,
            "meta": self.meta,
            "stats": stats,
            "options": {
                "build": self.options.build,
                "timeoutSecs": self.options.timeout_secs,
                "memoryMbytes": memory,
                "diskMbytes": memory * 2,
            },
            "exitCode": self.exit_code,
            "generalAccess": self.general_access,
            "storageIds": {
                "datasets": {"default": self.dataset.id},
                "keyValueStores": {"default": self.store.id},
                "requestQueues": {"default": self.queue.id},
            },
            "containerUrl": f"https://{self.id.lower()}.runs.apify.net",
            "isContainerServerReady": False,
            "gitBranchName": None,
            "metamorphs": self.metamorphs or None,
            "platformUsageBillingModel": "USER",
            "consoleUrl": f"https://console.apify.com/actors/runs/{self.id}",
        }
        for name, value in (
            ("maxItems", self.options.max_items),
            ("maxTotalChargeUsd", self.options.max_total_charge_usd),
        ):
            if value is not None:
                run["options"][name] = value
        pricing = self.actor.pricing_info()
        if pricing:
            run["pricingInfo"] = pricing
            run["chargedEventCounts"] = dict.fromkeys(self.actor.pay_per_event, 0) | self.charged
        if self.integration:
            run["integrationTracking"] = self.integration
        if private:
            usage = {"ACTOR_COMPUTE_UNITS": units, "DATASET_WRITES": self.dataset.writes}
            run |= {
                "usage": usage,
                "usageTotalUsd": self._usage_usd(),
                "usageUsd": {"ACTOR_COMPUTE_UNITS": units * USD_PER_COMPUTE_UNIT, "DATASET_WRITES": 0},
            }
        return {**run, **self.platform.switches.unknown_fields}

    def describe_short(self) -> dict[str, Any]:
        """Return the run as lists show it."""
        meta = dict(self.meta)
        if not self.platform.switches.list_user_agent:
            meta = {"origin": meta["origin"]}
        return {
            **self._common(),
            "meta": meta,
            "usageTotalUsd": self._usage_usd(),
            **self.platform.switches.unknown_fields,
        }

    def _common(self) -> dict[str, Any]:
        unknown = self.platform.switches.unknown_status
        return {
            "id": self.id,
            "actId": self.actor.id,
            "userId": self.user.id,
            "actorTaskId": self.task.id if self.task else None,
            "startedAt": iso(self.started_at),
            "finishedAt": iso(self.finished_at) if self.finished_at is not None else None,
            "status": unknown if unknown and self.status == "RUNNING" else self.status,
            "buildId": self.actor.build_id,
            "buildNumber": self.actor.build_number,
            "defaultKeyValueStoreId": self.store.id,
            "defaultDatasetId": self.dataset.id,
            "defaultRequestQueueId": self.queue.id,
        }

    def _usage_usd(self) -> float:
        seconds = (self.finished_at or self.platform.clock.time()) - self.started_at
        units = seconds / 3600 * self.options.memory_mbytes / 1024
        cost = units * USD_PER_COMPUTE_UNIT + self.charged_usd()
        ended_at = self.finished_at or -math.inf
        settled = self.platform.clock.time() >= ended_at + self.platform.switches.usage_settle_seconds
        return cost if settled else cost / 2
