"""The emulator as tests and programs use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from airflow_provider_apify.emulator.accounts import Actor, Task, User
from airflow_provider_apify.emulator.clock import Clock
from airflow_provider_apify.emulator.faults import Faults
from airflow_provider_apify.emulator.functions import ActorContext, record_of
from airflow_provider_apify.emulator.platform import Platform
from airflow_provider_apify.emulator.routes import control, register_all
from airflow_provider_apify.emulator.routing import Router
from airflow_provider_apify.emulator.server import SeenRequest, Server
from airflow_provider_apify.emulator.storages import id_of
from airflow_provider_apify.emulator.switches import Switches

DEFAULT_TOKEN = "apify_api_emulator"  # noqa: S105 (a token of nothing)
DEFAULT_USERNAME = "emulator"

Function = TypeVar("Function", bound=Callable[[ActorContext], object])


class Emulator:
    """A local Apify.

    :param token: API token of the default user.
    :param username: Name of the default user.
    """

    def __init__(self, token: str = DEFAULT_TOKEN, username: str = DEFAULT_USERNAME) -> None:
        self.platform = Platform()
        self.faults = Faults()
        self.requests: list[SeenRequest] = []
        self.user = self.add_user(username, token)

    @property
    def clock(self) -> Clock:
        """Emulated time."""
        return self.platform.clock

    @property
    def switches(self) -> Switches:
        """What is uncertain about the live service."""
        return self.platform.switches

    @property
    def runs(self) -> list[dict[str, Any]]:
        """All runs, as the API shows them, in the order of their start."""
        return [run.describe() for run in self.platform.runs_in_order()]

    @property
    def aborts(self) -> list[dict[str, Any]]:
        """The requests to abort a run: ``runId``, and ``effective``: whether the run was still going."""
        return self.platform.aborts

    def add_user(self, username: str, token: str, **settings: Any) -> User:
        """Add an account.

        :param settings: Further fields of :class:`~airflow_provider_apify.emulator.accounts.User`.
        """
        user = User(username, token, created_at=self.clock.time(), **settings)
        self.platform.users[user.id] = user
        return user

    def actor(self, name: str, **settings: Any) -> Callable[[Function], Function]:
        """Register a function as an Actor.

        :param name: ``username/name``; the Actor of an account that does not exist here is a public one.
        :param settings: Fields of :class:`~airflow_provider_apify.emulator.accounts.Actor`, such as
            ``input_schema``, ``default_memory_mbytes``, ``default_timeout_secs``, ``pay_per_event``.
        """

        def register(function: Function) -> Function:
            self.add_actor(name, function=function, **settings)
            return function

        return register

    def add_actor(self, name: str, **settings: Any) -> str:
        """Register an Actor and return its id; see :meth:`actor`.

        :param settings: In place of ``function``, ``command`` may name a program to run for each run, a list
            of its words, with ``cwd`` and ``env``: an Actor built with Apify's SDK runs unchanged.
        """
        username, _, short = name.rpartition("/")
        if not settings.get("function") and not settings.get("command"):
            raise ValueError("An Actor is a function or a command.")
        user = self.platform.user_named(username or self.user.username)
        if user is None:
            user = self.add_user(username, token="")
        settings.setdefault("is_public", not user.token)
        actor = Actor(user.id, user.username, short, created_at=self.clock.time(), **settings)
        self.platform.actors[actor.id] = actor
        return actor.id

    def add_task(
        self,
        name: str,
        actor: str,
        input: dict[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> str:
        """Save a task and return its id.

        :param name: ``username/name``.
        :param actor: The Actor it runs.
        :param input: Its input.
        :param options: Its run options, under the API's names (``memoryMbytes``, ``timeoutSecs``, …).
        """
        username, _, short = name.rpartition("/")
        user = self.platform.user_named(username or self.user.username)
        if user is None:
            raise ValueError(f"There is no user {username}: add it with add_user first.")
        target = self.platform.find(self.platform.actors, actor.replace("/", "~"), user, bare=True)
        if target is None:
            raise ValueError(f"There is no Actor {actor}: register it first.")
        now = self.clock.time()
        task = Task(
            user.id,
            user.username,
            short,
            target,
            input,
            dict(options or {}),
            id=id_of(f"task {name}"),
            created_at=now,
            modified_at=now,
        )
        self.platform.tasks[task.id] = task
        return task.id

    def create_dataset(self, items: Iterable[dict[str, Any]] | bytes = (), name: str | None = None) -> str:
        """Make a dataset and return its id.

        :param items: Items, or compact JSON Lines as bytes, which are taken as they are.
        :param name: Name of the dataset; unnamed by default.
        """
        dataset = self.platform.create_dataset(self.user, name=name)
        if isinstance(items, bytes):
            dataset.items.load(items)
        else:
            dataset.items.extend(items)
        return dataset.id

    def create_key_value_store(self, values: Mapping[str, Any] | None = None, name: str | None = None) -> str:
        """Make a key-value store and return its id.

        :param values: Records by key: bytes and text as they are, anything else as JSON.
        :param name: Name of the store; unnamed by default.
        """
        store = self.platform.create_store(self.user, name=name)
        for key, value in (values or {}).items():
            store.put(key, record_of(value))
        return store.id

    def close(self) -> None:
        """Stop all runs and all that is due; processes do not outlive this."""
        self.platform.close()

    def serve(self, port: int = 0) -> Server:
        """Return a server on 127.0.0.1, to be used as a context manager.

        :param port: The port; 0 picks a free one.
        """
        router = Router()
        register_all(router)
        control.register(router, self)
        return Server(self.platform, router, self.faults, self.user.token, port, self.requests)
