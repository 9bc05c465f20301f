"""The state of the emulated platform: who and what exists, and how a run is started."""

from __future__ import annotations

import re
import secrets
import threading
from typing import Any, Protocol, TypeVar

from airflow_provider_apify.emulator.accounts import Actor, Task, User
from airflow_provider_apify.emulator.clock import Clock
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.functions import FunctionExecution
from airflow_provider_apify.emulator.processes import ProcessExecution
from airflow_provider_apify.emulator.queues import RequestQueue
from airflow_provider_apify.emulator.runs import Execution, Run, RunOptions
from airflow_provider_apify.emulator.storages import Dataset, KeyValueStore, Record, new_id
from airflow_provider_apify.emulator.switches import Switches
from airflow_provider_apify.emulator.webhooks import Webhooks

EXPIRE_SECONDS = 3600


class Nameable(Protocol):
    """What can be found by its owner and name."""

    user_id: str
    username: str

    @property
    def name(self) -> str | None:
        """Its name; storages of runs have none."""


Named = TypeVar("Named", bound=Nameable)


class Platform:
    """Everything the API can be asked about. Changes of more than one thing hold :attr:`lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self.switches = Switches()
        self.users: dict[str, User] = {}
        self.actors: dict[str, Actor] = {}
        self.tasks: dict[str, Task] = {}
        self.runs: dict[str, Run] = {}
        self.datasets: dict[str, Dataset] = {}
        self.stores: dict[str, KeyValueStore] = {}
        self.queues: dict[str, RequestQueue] = {}
        self.run_tokens: dict[str, Run] = {}
        self.url: str | None = None
        self._expire_at = 0.0
        self.webhooks = Webhooks(self.clock)
        self.aborts: list[dict[str, Any]] = []

    def user_named(self, username: str) -> User | None:
        """Find a user by name."""
        return next((user for user in self.users.values() if user.username == username), None)

    def user_with_token(self, token: str) -> User | None:
        """Find the user a token belongs to; a run's token belongs to the user who started it."""
        if token in self.run_tokens:
            return self.run_tokens[token].user
        return next((user for user in self.users.values() if token and user.token == token), None)

    def token_for(self, run: Run) -> str:
        """Make a token for a run's own process."""
        token = f"apify_api_run_{secrets.token_hex(16)}"
        self.run_tokens[token] = run
        return token

    def find(
        self, table: dict[str, Named], reference: str, user: User | None, *, bare: bool = False
    ) -> Named | None:
        """Find a resource by its id, by ``username~name`` or, for one's own, by ``~name``.

        :param bare: Whether one's own may also be called by the name alone, as Actors and tasks may.
        """
        if reference in table:
            return table[reference]
        username, tilde, name = reference.rpartition("~")
        if not tilde and not bare:
            return None
        username = username or (user.username if user else "")
        for entry in table.values():
            is_named = entry.name is not None and entry.name.lower() == name.lower()
            if is_named and username in (entry.username, entry.user_id):
                return entry
        return None

    def create_dataset(self, user: User, **fields: Any) -> Dataset:
        """Make a dataset of a user."""
        dataset = Dataset(user.id, user.username, self.clock, self.switches, **fields)
        self.datasets[dataset.id] = dataset
        return dataset

    def create_store(self, user: User, **fields: Any) -> KeyValueStore:
        """Make a key-value store of a user."""
        store = KeyValueStore(user.id, user.username, self.clock, self.switches, **fields)
        self.stores[store.id] = store
        return store

    def create_queue(self, user: User, **fields: Any) -> RequestQueue:
        """Make a request queue of a user."""
        queue = RequestQueue(user.id, user.username, self.clock, self.switches, **fields)
        self.queues[queue.id] = queue
        return queue

    def runs_in_order(self) -> list[Run]:
        """All runs, by their start."""
        return list(self.runs.values())

    def is_visible(self, run: Run) -> bool:
        """Whether replicas know the run yet (``Switches.replica_lag_seconds``)."""
        lag = self.switches.replica_lag_seconds
        return not lag or self.clock.time() - run.started_at >= lag

    def start_run(
        self,
        user: User,
        actor: Actor,
        task: Task | None,
        options: RunOptions,
        record: Record | None,
        meta: dict[str, Any],
    ) -> Run:
        """Start a run.

        :raises ApiError: if the user's limits do not allow it; nothing is started then.
        """
        with self.lock:
            self._check_capacity(user, options.memory_mbytes)
            run_id = new_id()
            owner: dict[str, Any] = {"run_id": run_id, "actor_id": actor.id}
            run = Run(
                self,
                user,
                actor,
                task,
                options,
                meta,
                self.create_dataset(user, schema=actor.dataset_schema, **owner),
                self.create_store(user, **owner),
                self.create_queue(user, **owner),
                id=run_id,
            )
            if record is not None:
                run.store.put("INPUT", record)
            self.runs[run.id] = run
            actor.total_runs += 1
            actor.last_run_at = run.started_at
            if task:
                task.total_runs += 1
            return run

    def expire(self) -> None:
        """Forget runs and unnamed storages older than the retention of their owner; looks once an hour."""
        now = self.clock.time()
        if now < self._expire_at:
            return
        self._expire_at = now + EXPIRE_SECONDS
        kept = {user.id: now - user.retention_days * 86_400 for user in self.users.values()}
        with self.lock:
            for run in self.runs_in_order():
                if run.finished_at is not None and run.finished_at < kept[run.user.id]:
                    del self.runs[run.id]
            tables: tuple[dict[str, Any], ...] = (self.datasets, self.stores, self.queues)
            for table in tables:
                for storage in tuple(table.values()):
                    if storage.name is None and storage.accessed_at < kept[storage.user_id]:
                        del table[storage.id]

    def execution_of(self, run: Run) -> Execution:
        """Make what runs the Actor's code."""
        if run.actor.command:
            return ProcessExecution(run, run.actor.command)
        assert run.actor.function
        return FunctionExecution(run, run.actor.function)

    def emit(self, event: str, run: Run) -> None:
        """Tell webhooks of an event in the life of a run."""
        self.webhooks.emit(event, run.describe)

    def close(self) -> None:
        """Stop all runs and the clock."""
        for run in self.runs_in_order():
            run.cut_off()
        self.clock.close()

    def _check_capacity(self, user: User, memory_mbytes: int) -> None:
        active = [run for run in self.runs.values() if run.user is user and not run.is_finished]
        used = sum(run.options.memory_mbytes for run in active)
        if used + memory_mbytes > user.max_memory_mbytes:
            raise ApiError(
                402,
                "actor-memory-limit-exceeded",
                f"By launching this job you will exceed the memory limit of {user.max_memory_mbytes}MB for"
                f" all your Actor runs and builds (currently used: {used}MB, requested: {memory_mbytes}MB)."
                " Please consider an upgrade to a larger plan.",
            )
        if len(active) >= user.max_concurrent_runs:
            raise ApiError(
                402,
                "concurrent-runs-limit-exceeded",
                f"By launching this job you will exceed your limit of {user.max_concurrent_runs} concurrent"
                " Actor runs. Please consider an upgrade to a larger plan.",
            )


def build_matches(actor: Actor, build: str) -> bool:
    """Whether an Actor has the build that a tag or number names."""
    if re.fullmatch(r"\d+\.\d+\.\d+", build):
        return build == actor.build_number
    return build in (actor.default_build, "latest")
