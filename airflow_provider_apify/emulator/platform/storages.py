"""Storages: the common part of datasets, key-value stores and request queues."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.platform.clock import Clock, iso
from airflow_provider_apify.emulator.platform.ids_and_names import new_id
from airflow_provider_apify.emulator.platform.uncertain_behaviour import Switches


@dataclass
class Storage:
    """The common part of a dataset, a key-value store and a request queue."""

    label = "storage"
    console = "storage"

    user_id: str
    username: str
    clock: Clock
    switches: Switches
    name: str | None = None
    run_id: str | None = None
    actor_id: str | None = None
    id: str = field(default_factory=new_id)
    general_access: str = "FOLLOW_USER_SETTING"
    secret: str = field(default_factory=lambda: secrets.token_hex(20))
    title: str | None = None
    reads: int = 0
    writes: int = 0
    deletes: int = 0
    lists: int = 0
    created_at: float = 0
    modified_at: float = 0
    accessed_at: float = 0

    def __post_init__(self) -> None:
        self.created_at = self.modified_at = self.accessed_at = self.clock.time()

    def was_read(self) -> None:
        """Count a read."""
        self.reads += 1
        self.accessed_at = self.clock.time()

    def was_written(self) -> None:
        """Count a write."""
        self.writes += 1
        self.modified_at = self.accessed_at = self.clock.time()

    def describe(self) -> dict[str, Any]:
        """Return the fields that the API shows of every storage."""
        return {
            "id": self.id,
            "name": self.name,
            "userId": self.user_id,
            "username": self.username,
            "createdAt": iso(self.created_at),
            "modifiedAt": iso(self.modified_at),
            "accessedAt": iso(self.accessed_at),
            "actId": self.actor_id,
            "actRunId": self.run_id,
            "generalAccess": self.general_access,
            "consoleUrl": f"https://console.apify.com/storage/{self.console}/{self.id}",
        }
