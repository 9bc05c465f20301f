"""What can be run at Apify: an Actor, or a saved task of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from airflow_provider_apify.api.arguments import exactly_one, resource_ref
from airflow_provider_apify.api.call import Answer, Call


class TargetIds(TypedDict):
    """The ID of an Actor, or that of a saved task."""

    actor_id: str | None
    actor_task_id: str | None


@dataclass(frozen=True)
class Target:
    """
    An Actor or a saved task; each is named by its ID, `username/name` or `username~name`.

    :raises ApifyConfigurationError: if the name cannot be one.
    """

    kind: Literal["Actor", "task"]
    name: str | None

    def __post_init__(self) -> None:
        resource_ref(self.kind, self.name)

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
        """
        Return the Actor or the task, whichever is given.

        :raises ApifyConfigurationError: if both are given, or neither.
        """
        exactly_one(actor_id=actor_id or None, actor_task_id=actor_task_id or None)
        return cls.actor(actor_id) if actor_id else cls.task(actor_task_id)

    @property
    def ids(self) -> TargetIds:
        """The target as the pair of arguments that users give."""
        is_actor = self.kind == "Actor"
        return {"actor_id": self.name if is_actor else None, "actor_task_id": None if is_actor else self.name}

    @property
    def path(self) -> str:
        """Its path in the API."""
        collection = "actors" if self.kind == "Actor" else "actor-tasks"
        return f"/v2/{collection}/{resource_ref(self.kind, self.name)}"

    @property
    def run_key(self) -> str:
        """The field of a run object that holds the target's ID."""
        return "actId" if self.kind == "Actor" else "actorTaskId"

    @property
    def webhook_key(self) -> str:
        """The field of a webhook's condition that holds the target's ID."""
        return "actorId" if self.kind == "Actor" else "actorTaskId"

    def get(self) -> Call[dict[str, Any]]:
        """Get the Actor or the task."""
        return Call(method="GET", path=self.path, read=Answer.data)
