"""What can be run at Apify: an Actor, or a saved task of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from airflow_provider_apify.api.arguments import exactly_one, resource_ref
from airflow_provider_apify.api.call import Answer, Call


class TargetIds(TypedDict):
    """The ID of an Actor, or that of a saved task."""

    actor_id: str | None
    actor_task_id: str | None


@dataclass(frozen=True)
class Target:
    """
    An Actor or a saved task, each by its ID, `username/name` or `username~name`.

    :raises ApifyConfigurationError: if both are given, or neither, or the ID cannot be one.
    """

    actor_id: str | None = None
    actor_task_id: str | None = None

    def __post_init__(self) -> None:
        exactly_one(actor_id=self.actor_id or None, actor_task_id=self.actor_task_id or None)
        _ = self.path

    @property
    def ids(self) -> TargetIds:
        """The arguments that it was made of, to be passed on."""
        return {"actor_id": self.actor_id, "actor_task_id": self.actor_task_id}

    @property
    def path(self) -> str:
        """Its path in the API."""
        if self.actor_id:
            return f"/v2/actors/{resource_ref('Actor', self.actor_id)}"
        return f"/v2/actor-tasks/{resource_ref('task', self.actor_task_id)}"

    @property
    def run_key(self) -> str:
        """The field of a run object that holds the target's ID."""
        return "actId" if self.actor_id else "actorTaskId"

    @property
    def webhook_key(self) -> str:
        """The field of a webhook's condition that holds the target's ID."""
        return "actorId" if self.actor_id else "actorTaskId"

    def get(self) -> Call[dict[str, Any]]:
        """Get the Actor or the task."""
        return Call(method="GET", path=self.path, read=Answer.data)
