"""Actors and saved tasks, the targets of a run; calls about them, and about the account that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from airflow_provider_apify.api.arguments import exactly_one, resource_ref, text
from airflow_provider_apify.api.call import Answer, Call, no_result
from airflow_provider_apify.api.request_body import JSON_TYPE, encode_input


class TargetIds(TypedDict):
    """The ID of an Actor, or that of a saved task."""

    actor_id: str | None
    actor_task_id: str | None


@dataclass(frozen=True)
class Target:
    """An Actor or a saved task; each is named by its ID, `username/name` or `username~name`."""

    kind: Literal["Actor", "task"]
    name: str | None

    def __post_init__(self) -> None:
        self._ref()

    @classmethod
    def actor(cls, actor_id: str | None) -> Target:
        """Return an Actor."""
        return cls("Actor", actor_id)

    @classmethod
    def task(cls, actor_task_id: str | None) -> Target:
        """Return a saved task."""
        return cls("task", actor_task_id)

    @classmethod
    def either(cls, *, actor_id: str | None, actor_task_id: str | None) -> Target:
        """Return the Actor or the task, whichever is given; one of them must be."""
        exactly_one(actor_id=actor_id or None, actor_task_id=actor_task_id or None)
        return cls.actor(actor_id) if actor_id else cls.task(actor_task_id)

    @property
    def ids(self) -> TargetIds:
        """The target as the pair of arguments that users give."""
        is_actor = self.kind == "Actor"
        return {"actor_id": self.name if is_actor else None, "actor_task_id": None if is_actor else self.name}

    @property
    def path(self) -> str:
        """Path of the target in the API."""
        collection = "actors" if self.kind == "Actor" else "actor-tasks"
        return f"/v2/{collection}/{self._ref()}"

    @property
    def run_key(self) -> str:
        """The field of a run object that holds the target's ID."""
        return "actId" if self.kind == "Actor" else "actorTaskId"

    def _ref(self) -> str:
        return resource_ref("actor_id" if self.kind == "Actor" else "actor_task_id", self.name)

    def get(self) -> Call[dict[str, Any]]:
        """Get the Actor or the task."""
        return Call(method="GET", path=self.path, read=Answer.resource)


def get_actor(actor_id: str) -> Call[dict[str, Any]]:
    """
    Get an Actor.

    :param actor_id: ID, `username/name` or `username~name`.
    """
    return Target.actor(actor_id).get()


def get_task(actor_task_id: str) -> Call[dict[str, Any]]:
    """
    Get a saved task, with its input and options.

    :param actor_task_id: ID, `username/name` or `username~name`.
    """
    return Target.task(actor_task_id).get()


def validate_input(actor_id: str, run_input: Any = None, *, build: str | None = None) -> Call[None]:
    """
    Check an input against the Actor's input schema; nothing is started.

    :param actor_id: ID, `username/name` or `username~name`.
    :param run_input: a JSON object, or a string that holds one; none is the same as an empty one.
    :param build: tag or number of the build whose schema counts; the Actor's default build by default.
    :raises ApifyInputError: naming every field that is wrong.
    """
    return Call(
        method="POST",
        path=f"{Target.actor(actor_id).path}/validate-input",
        params={"build": text("build", build) or None},
        body=encode_input({} if run_input is None else run_input),
        headers={"Content-Type": JSON_TYPE},
        read=no_result,
    )


def get_user() -> Call[dict[str, Any]]:
    """Get the account that the token belongs to."""
    return Call(method="GET", path="/v2/users/me", max_attempts=2, read=Answer.resource)
