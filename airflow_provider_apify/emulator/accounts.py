"""Users, Actors and saved tasks: what exists before any run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.clock import iso
from airflow_provider_apify.emulator.storages import id_of, new_id


@dataclass
class User:
    """An account.

    :param username: Its name.
    :param token: Its API token.
    :param general_access: Default access to its runs and storages: ``RESTRICTED`` or
        ``ANYONE_WITH_ID_CAN_READ``.
    :param max_memory_mbytes: Memory of all its unfinished runs together, in MB.
    :param max_concurrent_runs: How many of its runs may be unfinished at once.
    :param retention_days: How long its runs and unnamed storages are kept, in emulated days.
    """

    username: str
    token: str
    general_access: str = "RESTRICTED"
    max_memory_mbytes: int = 524_288
    max_concurrent_runs: int = 256
    is_paying: bool = True
    retention_days: int = 30
    id: str = ""
    created_at: float = 0
    proxy_password: str = field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        self.id = self.id or id_of(self.username)


@dataclass
class Actor:
    """An Actor: a function of this process, or a command run with Apify's environment."""

    user_id: str
    username: str
    name: str
    function: Callable[[Any], object] | None = None
    command: Sequence[str] | None = None
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    title: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    dataset_schema: dict[str, Any] | None = None
    default_build: str = "latest"
    default_memory_mbytes: int = 1024
    default_timeout_secs: int = 604_800
    restart_on_error: bool = False
    pay_per_event: Mapping[str, float] = field(default_factory=dict)
    is_public: bool = False
    id: str = ""
    build_id: str = ""
    build_number: str = "0.0.1"
    created_at: float = 0
    total_runs: int = 0
    last_run_at: float | None = None

    def __post_init__(self) -> None:
        self.id = self.id or id_of(f"Actor {self.full_name}")
        self.build_id = self.build_id or id_of(f"build of {self.full_name}")

    @property
    def full_name(self) -> str:
        """The name people use: ``username/name``."""
        return f"{self.username}/{self.name}"

    def pricing_info(self) -> dict[str, Any] | None:
        """Return how runs are paid, or None for platform usage only."""
        if not self.pay_per_event:
            return None
        return {
            "pricingModel": "PAY_PER_EVENT",
            "apifyMarginPercentage": 0.2,
            "createdAt": iso(self.created_at),
            "startedAt": iso(self.created_at),
            "pricingPerEvent": {
                "actorChargeEvents": {
                    name: {"eventTitle": name, "eventDescription": name, "eventPriceUsd": price}
                    for name, price in self.pay_per_event.items()
                }
            },
        }

    def describe(self) -> dict[str, Any]:
        """Return the Actor object of the API."""
        pricing = self.pricing_info()
        return {
            **self.describe_short(),
            "userId": self.user_id,
            "description": self.description,
            "isPublic": self.is_public,
            "isDeprecated": False,
            "actorPermissionLevel": "LIMITED_PERMISSIONS",
            "restartOnError": self.restart_on_error,
            "versions": [
                {
                    "versionNumber": self.build_number.rpartition(".")[0],
                    "sourceType": "SOURCE_FILES",
                    "envVars": [],
                    "applyEnvVarsToBuild": False,
                    "buildTag": self.default_build,
                    "sourceFiles": [],
                }
            ],
            "pricingInfos": [pricing] if pricing else [],
            "defaultRunOptions": {
                "build": self.default_build,
                "timeoutSecs": self.default_timeout_secs,
                "memoryMbytes": self.default_memory_mbytes,
                "restartOnError": self.restart_on_error,
            },
            "exampleRunInput": {"body": "{}", "contentType": "application/json; charset=utf-8"},
            "taggedBuilds": {
                self.default_build: {
                    "buildId": self.build_id,
                    "buildNumber": self.build_number,
                    "finishedAt": iso(self.created_at),
                }
            },
        }

    def describe_short(self) -> dict[str, Any]:
        """Return the Actor as lists show it."""
        stats: dict[str, Any] = {"totalBuilds": 1, "totalRuns": self.total_runs, "totalUsers": 1}
        if self.last_run_at is not None:
            stats["lastRunStartedAt"] = iso(self.last_run_at)
        return {
            "id": self.id,
            "name": self.name,
            "username": self.username,
            "title": self.title or self.name,
            "createdAt": iso(self.created_at),
            "modifiedAt": iso(self.created_at),
            "stats": stats,
        }


@dataclass
class Task:
    """A saved task: an Actor with stored input and options."""

    user_id: str
    username: str
    name: str
    actor: Actor
    input: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    title: str | None = None
    description: str | None = None
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
