"""Access: the resource that a path names, and whether the caller may see or change the resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import (
    insufficient_permissions,
    invalid_request,
    no_token,
    not_found,
)
from airflow_provider_apify.emulator.platform.run_life_cycle import ORIGINS, STATUSES, Run
from airflow_provider_apify.emulator.platform.signed_urls import opens
from airflow_provider_apify.emulator.platform.storages import Storage
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.server.request import Call

READING = ("GET", "HEAD")
GENERAL_ACCESS = ("ANYONE_WITH_ID_CAN_READ", "ANYONE_WITH_NAME_CAN_READ", "FOLLOW_USER_SETTING", "RESTRICTED")
AnyStorage = TypeVar("AnyStorage", bound=Storage)


def actor_of(call: Call) -> Actor:
    """Find the Actor of ``{actorId}``."""
    return find_actor(call, call.params["actorId"])


def find_actor(call: Call, reference: str) -> Actor:
    """Find an Actor of the caller or a public one, by its id or name."""
    user = call.user
    actor = call.platform.find(call.platform.actors, reference, user, bare=True)
    if actor is None or not (actor.is_public or actor.user_id == user.id):
        raise not_found("Actor")
    return actor


def task_of(call: Call) -> Task:
    """Find the task of ``{actorTaskId}`` among the caller's."""
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
    _check_access(call, run.user.id, run.general_access, "Actor run")
    return run


def last_run_of_actor(call: Call) -> Run:
    """Find the newest run of an Actor, by ``status`` and ``origin``."""
    actor = actor_of(call)
    return _last(call, lambda run: run.actor.id == actor.id)


def last_run_of_task(call: Call) -> Run:
    """Find the newest run of a task, by ``status`` and ``origin``."""
    task = task_of(call)
    return _last(call, lambda run: run.task is task)


def find_storage(call: Call, kind: type[AnyStorage], reference: str) -> AnyStorage:
    """Find a storage by its id or name, or by a signature in place of a token."""
    user = call.anyone
    storage = call.platform.find(call.platform.storages(kind), reference, user)
    if storage is None:
        if user is None:
            raise no_token()
        raise not_found(kind.label.capitalize())
    signature = call.text("signature")
    if signature and call.request.method in READING and not (user and user.id == storage.user_id):
        if opens(signature, storage, call.params.get("recordKey")):
            return storage
        raise insufficient_permissions(kind.label)
    _check_access(call, storage.user_id, storage.general_access, kind.label)
    return storage


def own_runs(call: Call, user: User) -> list[Run]:
    """Return the runs of a user that the API knows already, in the order of their start."""
    return [
        run for run in call.platform.runs_in_order() if run.user is user and call.platform.is_visible(run)
    ]


def effective_access(call: Call, owner_id: str, general_access: str) -> str:
    """Return the general access to a resource, that of its owner where the resource follows it."""
    if general_access == "FOLLOW_USER_SETTING":
        return call.platform.users[owner_id].general_access
    return general_access


def legal_access(value: object) -> str:
    """Return a value for ``generalAccess``, or refuse one that the API does not know."""
    if value not in GENERAL_ACCESS:
        raise invalid_request(f"generalAccess must be one of: {', '.join(GENERAL_ACCESS)}.")
    return str(value)


def _last(call: Call, wanted: Callable[[Run], bool]) -> Run:
    statuses = call.names("status", STATUSES)
    origin = call.choice("origin", ORIGINS)
    for run in reversed(own_runs(call, call.user)):
        if wanted(run) and (not statuses or run.status in statuses) and origin in (None, run.meta["origin"]):
            return run
    raise not_found("Actor run")


def _check_access(call: Call, owner_id: str, general_access: str, kind: str) -> None:
    user = call.anyone
    if user and user.id == owner_id:
        return
    if effective_access(call, owner_id, general_access) != "RESTRICTED" and call.request.method in READING:
        return
    if user is None:
        raise no_token()
    raise insufficient_permissions(kind)
