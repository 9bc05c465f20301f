"""What the API's answers mean to us: small, frozen, tolerant of unknown fields and statuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

import pendulum


class RunStatus(StrEnum):
    """Statuses in which a run is over. Every other one, known or not, means that it goes on."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    TIMED_OUT = "TIMED-OUT"


TERMINAL_STATUSES = frozenset(RunStatus)
# On the way to ABORTED and TIMED-OUT.
_ENDING_STATUSES = frozenset({"ABORTING", "TIMING-OUT"})

#: What a run tells the next task, under the API's own keys.
RUN_INFO_KEYS = (
    "id",
    "actId",
    "actorTaskId",
    "status",
    "statusMessage",
    "exitCode",
    "startedAt",
    "finishedAt",
    "buildNumber",
    "defaultDatasetId",
    "defaultKeyValueStoreId",
    "defaultRequestQueueId",
    "usage",
    "usageTotalUsd",
    "consoleUrl",
)

# Run info lives in XCom and in trigger events: an Actor's message must not make it large.
_MAX_STATUS_MESSAGE = 500


@dataclass(frozen=True)
class ActorRun:
    """
    A run of an Actor or of a task.

    :param data: the run object as the API sent it, or the run info made from it.
    """

    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        """ID of the run."""
        return str(self.data["id"])

    @property
    def status(self) -> str:
        """Status in Apify's words."""
        return str(self.data["status"])

    @property
    def started_at(self) -> datetime:
        """When it was started."""
        return cast("datetime", pendulum.parse(self.data["startedAt"]))

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, if it did."""
        finished = self.data.get("finishedAt")
        return cast("datetime", pendulum.parse(finished)) if finished else None

    @property
    def is_finished(self) -> bool:
        """Whether the run is over."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_ending(self) -> bool:
        """Whether the run is not over yet, and can no longer succeed."""
        return self.status in _ENDING_STATUSES

    @property
    def succeeded(self) -> bool:
        """Whether the run is over and succeeded."""
        return self.status == RunStatus.SUCCEEDED

    @property
    def status_message(self) -> str:
        """What the Actor says of itself, cut to a length fit for logs and XCom."""
        return str(self.data.get("statusMessage") or "")[:_MAX_STATUS_MESSAGE]

    @property
    def user_agent(self) -> str | None:
        """User-Agent of the request that started the run; missing in most lists."""
        return (self.data.get("meta") or {}).get("userAgent")

    @property
    def origin(self) -> str | None:
        """What started the run, in Apify's words: `API`, `SCHEDULER`, `WEB` or another."""
        return (self.data.get("meta") or {}).get("origin")

    @property
    def is_paid_per_event(self) -> bool:
        """Whether the Actor charges for what it does, by its own price list; missing in lists."""
        return (self.data.get("pricingInfo") or {}).get("pricingModel") == "PAY_PER_EVENT"

    @property
    def max_total_charge_usd(self) -> float | None:
        """Most that the run may cost, in US dollars; Apify may set it where nobody asked for it."""
        return (self.data.get("options") or {}).get("maxTotalChargeUsd")

    @property
    def console_url(self) -> str:
        """Page of the run in Apify Console."""
        return str(self.data.get("consoleUrl") or f"https://console.apify.com/actors/runs/{self.id}")

    @property
    def usage(self) -> dict[str, float]:
        """What the run used of Apify, such as `ACTOR_COMPUTE_UNITS`; what it did not use is left out."""
        return {name: amount for name, amount in (self.data.get("usage") or {}).items() if amount}

    @property
    def info(self) -> dict[str, Any]:
        """Run info for XCom: at most 2 kB, with every key of :data:`RUN_INFO_KEYS`."""
        info = {key: self.data.get(key) for key in RUN_INFO_KEYS}
        return info | {
            "statusMessage": self.status_message or None,
            "usage": self.usage,
            "consoleUrl": self.console_url,
        }
