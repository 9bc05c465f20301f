"""The registry of all users, Actors, tasks, runs and storages: finding them, making them, tokens of runs."""

from __future__ import annotations

import secrets
import threading
from typing import Any, TypeVar

from airflow_provider_apify.emulator.platform.account_limits import check_account_limits
from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.clock import Clock
from airflow_provider_apify.emulator.platform.datasets import Dataset
from airflow_provider_apify.emulator.platform.function_actors import FunctionExecution
from airflow_provider_apify.emulator.platform.ids_and_names import new_id
from airflow_provider_apify.emulator.platform.key_value_stores import KeyValueStore, Record
from airflow_provider_apify.emulator.platform.process_actors import ProcessExecution
from airflow_provider_apify.emulator.platform.process_environment import environment
from airflow_provider_apify.emulator.platform.request_queues import RequestQueue
from airflow_provider_apify.emulator.platform.retention import forget_expired
from airflow_provider_apify.emulator.platform.run_json import run_object
from airflow_provider_apify.emulator.platform.run_life_cycle import Execution, Run
from airflow_provider_apify.emulator.platform.run_options import RunOptions
from airflow_provider_apify.emulator.platform.storages import Storage
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.uncertain_behaviour import Switches
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.platform.webhooks import Webhooks

FORGET_SECONDS = 3600
Named = TypeVar("Named", bound=Actor | Task | Storage)
AnyStorage = TypeVar("AnyStorage", bound=Storage)


class Platform:
    """The state of the platform; changes that must be seen as one hold :attr:`lock`."""

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
        self._forget_at = 0.0
        self.webhooks = Webhooks(self.clock)
        self.aborts: list[dict[str, Any]] = []

    def user_named(self, username: str) -> User | None:
        """Find a user by name."""
        return next((user for user in self.users.values() if user.username == username), None)

    def user_with_token(self, token: str) -> User | None:
        """Find the user of a token; the token of a run belongs to the user who started the run."""
        if token in self.run_tokens:
            return self.run_tokens[token].user
        return next((user for user in self.users.values() if token and user.token == token), None)

    def token_for(self, run: Run) -> str:
        """Make a token for the process of a run."""
        token = f"apify_api_run_{secrets.token_hex(16)}"
        self.run_tokens[token] = run
        return token

    def find(
        self, table: dict[str, Named], reference: str, user: User | None, *, bare: bool = False
    ) -> Named | None:
        """Find a resource by its id, ``username~name`` or own ``~name`` (``bare``: or own ``name``)."""
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

    def storages(self, kind: type[AnyStorage]) -> dict[str, AnyStorage]:
        """Return all storages of a kind by their ids."""
        tables: dict[type[Storage], dict[str, Any]] = {
            Dataset: self.datasets,
            KeyValueStore: self.stores,
            RequestQueue: self.queues,
        }
        return tables[kind]

    def create(self, kind: type[AnyStorage], user: User, **fields: Any) -> AnyStorage:
        """Make a storage of a user."""
        storage = kind(user.id, user.username, self.clock, self.switches, **fields)
        self.storages(kind)[storage.id] = storage
        return storage

    def runs_in_order(self) -> list[Run]:
        """Return all runs in the order of their start."""
        return list(self.runs.values())

    def unfinished_runs(self, user: User) -> list[Run]:
        """Return the runs of a user that count against the limits of the account."""
        return [run for run in self.runs.values() if run.user is user and not run.is_finished]

    def is_visible(self, run: Run) -> bool:
        """Say whether the API knows the run yet (``Switches.replica_lag_seconds``)."""
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
        """Make a run within the limits of the account; :meth:`Run.launch` then starts the Actor's code."""
        with self.lock:
            check_account_limits(user, self.unfinished_runs(user), options.memory_mbytes)
            run_id = new_id()
            owner: dict[str, Any] = {"run_id": run_id, "actor_id": actor.id}
            run = Run(
                self,
                user,
                actor,
                task,
                options,
                meta,
                self.create(Dataset, user, schema=actor.dataset_schema, **owner),
                self.create(KeyValueStore, user, **owner),
                self.create(RequestQueue, user, **owner),
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

    def forget_expired(self) -> None:
        """Delete runs and storages past their retention; has an effect once an hour at most."""
        now = self.clock.time()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_SECONDS
        with self.lock:
            storages: tuple[dict[str, Any], ...] = (self.datasets, self.stores, self.queues)
            forget_expired(self.users.values(), self.runs, storages, now)

    def execution_of(self, run: Run) -> Execution:
        """Make the execution of the Actor's code: a process or a thread."""
        if run.actor.command:
            if self.url is None:
                raise RuntimeError(
                    f"Run {run.id} has no server to talk to: start Actors that are processes while serving."
                )
            return ProcessExecution(run, run.actor.command, environment(run, self.url, self.token_for(run)))
        assert run.actor.function
        return FunctionExecution(run, run.actor.function)

    def emit(self, event: str, run: Run) -> None:
        """Tell webhooks of an event in the life of a run."""
        self.webhooks.emit(event, lambda: run_object(run))

    def close(self) -> None:
        """Stop all runs and the clock."""
        for run in self.runs_in_order():
            run.cut_off()
        self.clock.close()
