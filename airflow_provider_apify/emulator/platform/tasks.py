"""Saved tasks: an Actor with stored input and options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.ids_and_names import new_id


@dataclass
class Task:
    """
    A saved task: an Actor with stored input and options.

    :param user_id: Id of the owner.
    :param username: Name of the owner.
    :param name: Name of the task, without the owner's.
    :param actor: The Actor to run.
    :param input: Input of each run; the input of a start overrides it field by field.
    :param options: Options of each run, under the API's names (``memoryMbytes``, ``timeoutSecs``, …).
    :param title: Title shown by the API.
    :param id: Id of the task; random by default.
    :param created_at: When the task was made, in epoch seconds.
    :param modified_at: When the task was last changed, in epoch seconds.
    :param total_runs: How many runs were started so far.
    """

    user_id: str
    username: str
    name: str
    actor: Actor
    input: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    title: str | None = None
    id: str = field(default_factory=new_id)
    created_at: float = 0
    modified_at: float = 0
    total_runs: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the task object of the API."""
        short = self.describe_short()
        del short["actName"], short["actUsername"]
        return {**short, "title": self.title, "options": self.options, "input": self.input}

    def describe_short(self) -> dict[str, Any]:
        """Return the task as lists show it."""
        return {
            "id": self.id,
            "userId": self.user_id,
            "actId": self.actor.id,
            "actName": self.actor.name,
            "actUsername": self.actor.username,
            "name": self.name,
            "username": self.username,
            "createdAt": iso(self.created_at),
            "modifiedAt": iso(self.modified_at),
            "stats": {"totalRuns": self.total_runs},
        }
