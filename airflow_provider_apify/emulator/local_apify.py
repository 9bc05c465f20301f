"""The emulator as tests and programs use it: registering Actors, making storages, serving."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.clock import Clock
from airflow_provider_apify.emulator.platform.datasets import Dataset
from airflow_provider_apify.emulator.platform.function_actors import ActorContext
from airflow_provider_apify.emulator.platform.ids_and_names import id_of
from airflow_provider_apify.emulator.platform.key_value_stores import KeyValueStore, record_of
from airflow_provider_apify.emulator.platform.registry import Platform
from airflow_provider_apify.emulator.platform.run_json import run_object
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.uncertain_behaviour import Switches
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.routes.emulator_controls import EmulatorControls
from airflow_provider_apify.emulator.routes.route_table import add_routes
from airflow_provider_apify.emulator.server.faults import Faults
from airflow_provider_apify.emulator.server.http_server import Server
from airflow_provider_apify.emulator.server.routing import Router
from airflow_provider_apify.emulator.server.seen_requests import SeenRequest

DEFAULT_TOKEN = "apify_api_emulator"  # noqa: S105 (it opens nothing)
DEFAULT_USERNAME = "emulator"

Function = TypeVar("Function", bound=Callable[[ActorContext], object])


class Emulator:
    """
    A local Apify.

    ``faults`` holds the faults in force, ``requests`` the requests seen (the last 100,000 at least), ``user``
    the default user, ``platform`` everything that exists.

    :param token: API token of the default user. Default ``apify_api_emulator``.
    :param username: Name of the default user. Default ``emulator``.
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
        """Switches for behaviour of the live service that is not certain."""
        return self.platform.switches

    @property
    def runs(self) -> list[dict[str, Any]]:
        """All runs, as the API shows them, in the order of their start."""
        return [run_object(run) for run in self.platform.runs_in_order()]

    @property
    def aborts(self) -> list[dict[str, Any]]:
        """The requests to abort a run: ``runId``, and ``effective``, whether the run was unfinished."""
        return self.platform.aborts

    def add_user(self, username: str, token: str, **settings: Any) -> User:
        """
        Add an account and return it.

        :param username: Name of the account.
        :param token: API token of the account.
        :param settings: Further fields of :class:`User`, such as ``max_memory_mbytes``.
        """
        user = User(username, token, created_at=self.clock.time(), **settings)
        self.platform.users[user.id] = user
        return user

    def actor(self, name: str, **settings: Any) -> Callable[[Function], Function]:
        """
        Register the decorated function as an Actor.

        :param name: ``username/name``, or the name alone for the default user's; the Actor of an account that
            does not exist here is public.
        :param settings: Fields of :class:`Actor`, such as ``input_schema``, ``default_memory_mbytes``,
            ``default_timeout_secs``, ``pay_per_event``.
        """

        def register(function: Function) -> Function:
            self.add_actor(name, function=function, **settings)
            return function

        return register

    def add_actor(self, name: str, **settings: Any) -> str:
        """
        Register an Actor and return its id.

        :param name: ``username/name``, as for :meth:`actor`.
        :param settings: Fields of :class:`Actor`, among them either ``function``, or ``command`` with the
            words of a program for each run: an Actor built with Apify's SDK runs unchanged.
        :raises ValueError: if ``settings`` has neither ``function`` nor ``command``.
        """
        username, _, short = name.rpartition("/")
        if not settings.get("function") and not settings.get("command"):
            raise ValueError(f"Actor {name} has no code: give it a function or a command.")
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
        """
        Save a task and return its id.

        :param name: ``username/name``, or the name alone for the default user's.
        :param actor: Id or name of the Actor to run.
        :param input: Input of each run, which the input of a start overrides field by field. Default None.
        :param options: Options of each run, under the API's names (``memoryMbytes``, ``timeoutSecs``, …).
        :raises ValueError: if the user or the Actor does not exist.
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
        """
        Make a dataset of the default user and return its id.

        :param items: Items, or compact JSON Lines as bytes, which are stored unchanged. Default: none.
        :param name: Name of the dataset; unnamed by default.
        :raises ValueError: if an item has NaN or an infinity, which JSON lacks.
        """
        dataset = self.platform.create(Dataset, self.user, name=name)
        if isinstance(items, bytes):
            dataset.items.load(items)
        else:
            dataset.items.extend(items)
        return dataset.id

    def create_key_value_store(self, values: Mapping[str, Any] | None = None, name: str | None = None) -> str:
        """
        Make a key-value store of the default user and return its id.

        :param values: Records by key: bytes and text are stored unchanged, anything else as JSON.
        :param name: Name of the store; unnamed by default.
        """
        store = self.platform.create(KeyValueStore, self.user, name=name)
        for key, value in (values or {}).items():
            store.put(key, record_of(value))
        return store.id

    def close(self) -> None:
        """Abort all runs, kill their processes and cancel all timers."""
        self.platform.close()

    def serve(self, port: int = 0) -> Server:
        """
        Return a server on 127.0.0.1, to be used as a context manager.

        :param port: The port; 0, the default, picks a free one.
        """
        router = Router()
        add_routes(router)
        EmulatorControls(self.platform, self.faults, self.requests).register(router)
        return Server(self.platform, router, self.faults, self.user.token, port, self.requests)
