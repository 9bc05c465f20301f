"""Which resource a path names, and whether the caller may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow_provider_apify.emulator.accounts import Actor, Task, User
from airflow_provider_apify.emulator.call import Call
from airflow_provider_apify.emulator.errors import insufficient_permissions, no_token, not_found
from airflow_provider_apify.emulator.queues import RequestQueue
from airflow_provider_apify.emulator.runs import ORIGINS, STATUSES, Run
from airflow_provider_apify.emulator.storages import Dataset, KeyValueStore, Storage

READING = ("GET", "HEAD")
AnyStorage = TypeVar("AnyStorage", bound=Storage)


def actor_of(call: Call) -> Actor:
    """Find the Actor of ``{actorId}``: one's own or a public one."""
    user = call.user
    actor = call.platform.find(call.platform.actors, call.params["actorId"], user, bare=True)
    if actor is None or not (actor.is_public or actor.user_id == user.id):
        raise not_found("Actor")
    return actor


def task_of(call: Call) -> Task:
    """Find the task of ``{actorTaskId}``, one's own."""
    user = call.user
    task = call.platform.find(call.platform.tasks, call.params["actorTaskId"], user, bare=True)
    if task is None or task.user_id != user.id:
        raise not_found("Actor task")
    return task


def run_of(call: Call) -> Run:
    """Find the run of ``{runId}``."""
    user = call.anyone
    run = call.platform.runs.get(call.params["runId"])
    if run is None or not call.platform.is_visible(run):
        if user is None:
            raise no_token()
        raise not_found("Actor run")
    if "actorId" in call.params and run.actor.id != actor_of(call).id:
        raise not_found("Actor run")
    _check(call, run.user.id, run.general_access, "Actor run")
    return run


def last_run_of_actor(call: Call) -> Run:
    """Find the newest run of an Actor, by ``status`` and ``origin``."""
    actor = actor_of(call)
    return _last(call, lambda run: run.actor.id == actor.id)


def last_run_of_task(call: Call) -> Run:
    """Find the newest run of a task, by ``status`` and ``origin``."""
    task = task_of(call)
    return _last(call, lambda run: run.task is task)


def dataset_of(call: Call) -> Dataset:
    """Find the dataset of ``{datasetId}``."""
    return _storage(call, call.platform.datasets, call.params["datasetId"], "dataset")


def store_of(call: Call) -> KeyValueStore:
    """Find the key-value store of ``{storeId}``."""
    return _storage(call, call.platform.stores, call.params["storeId"], "key-value store")


def queue_of(call: Call) -> RequestQueue:
    """Find the request queue of ``{queueId}``."""
    return _storage(call, call.platform.queues, call.params["queueId"], "request queue")


def queue_of_run(find: Callable[[Call], Run]) -> Callable[[Call], RequestQueue]:
    """Find the default request queue of a run."""

    def found(call: Call) -> RequestQueue:
        queue = call.platform.queues.get(find(call).queue.id)
        if queue is None:
            raise not_found("Request queue")
        return queue

    return found


def dataset_of_run(find: Callable[[Call], Run]) -> Callable[[Call], Dataset]:
    """Find the default dataset of a run."""

    def found(call: Call) -> Dataset:
        dataset = call.platform.datasets.get(find(call).dataset.id)
        if dataset is None:
            raise not_found("Dataset")
        return dataset

    return found


def store_of_run(find: Callable[[Call], Run]) -> Callable[[Call], KeyValueStore]:
    """Find the default key-value store of a run."""

    def found(call: Call) -> KeyValueStore:
        store = call.platform.stores.get(find(call).store.id)
        if store is None:
            raise not_found("Key-value store")
        return store

    return found


def own_runs(call: Call, user: User) -> list[Run]:
    """All runs of a user that replicas know, by their start."""
    return [
        run for run in call.platform.runs_in_order() if run.user is user and call.platform.is_visible(run)
    ]


def _last(call: Call, wanted: Callable[[Run], bool]) -> Run:
    statuses = set(call.names("status"))
    if not statuses <= STATUSES:
        call.choice("status", STATUSES)
    origin = call.choice("origin", ORIGINS)
    for run in reversed(own_runs(call, call.user)):
        if wanted(run) and (not statuses or run.status in statuses) and origin in (None, run.meta["origin"]):
            return run
    raise not_found("Actor run")


def _storage(call: Call, table: dict[str, AnyStorage], reference: str, what: str) -> AnyStorage:
    user = call.anyone
    storage = call.platform.find(table, reference, user)
    if storage is None:
        if user is None:
            raise no_token()
        raise not_found(what.capitalize())
    signature = call.text("signature")
    if signature and call.request.method in READING and not (user and user.id == storage.user_id):
        if storage.is_signed(signature, call.params.get("recordKey")):
            return storage
        raise insufficient_permissions(what)
    _check(call, storage.user_id, storage.general_access, what)
    return storage


def _check(call: Call, owner_id: str, general_access: str, what: str) -> None:
    user = call.anyone
    if user and user.id == owner_id:
        return
    if general_access == "FOLLOW_USER_SETTING":
        general_access = call.platform.users[owner_id].general_access
    if general_access != "RESTRICTED" and call.request.method in READING:
        return
    if user is None:
        raise no_token()
    raise insufficient_permissions(what)
