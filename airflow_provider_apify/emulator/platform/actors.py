"""Actors: code that can be run, with its defaults, prices and schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.ids_and_names import id_of


@dataclass
class Actor:
    """
    An Actor: a function of this process, or a command run with Apify's environment.

    :param user_id: Id of the owner.
    :param username: Name of the owner.
    :param name: Name of the Actor, without the owner's.
    :param function: Called for each run, with an :class:`ActorContext`, in a thread of its own.
    :param command: Words of a program to run for each run, in place of ``function``; ``python`` is this
        interpreter.
    :param cwd: Folder that ``command`` runs in; by default the emulator's.
    :param env: Environment variables for ``command``, beside the emulator's own and those Apify sets.
    :param title: Title shown by the API; by default the name.
    :param description: Description shown by the API.
    :param input_schema: JSON schema that input must fit. Default None: any input is taken.
    :param dataset_schema: Schema (``fields`` and ``views``) of each run's dataset. Default None.
    :param default_build: Tag of the only build. Default ``latest``.
    :param default_memory_mbytes: Memory of a run that names none, in MB. Default 1,024.
    :param default_timeout_secs: Timeout of a run that names none, in emulated seconds. Default 604,800.
    :param restart_on_error: Whether a failed run is restarted. Default False.
    :param pay_per_event: Prices in USD by event. Default: none, runs cost platform usage only.
    :param is_public: Whether all accounts may run the Actor. Default False.
    :param id: Id of the Actor; by default derived from the full name.
    :param build_id: Id of the only build; by default derived from the full name.
    :param build_number: Number of the only build. Default ``0.0.1``.
    :param created_at: When the Actor was made, in epoch seconds.
    :param total_runs: How many runs were started so far.
    :param last_run_at: When the last run was started, in epoch seconds.
    """

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
