"""What the API's answers mean to us: small, frozen, tolerant of unknown fields and statuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from numbers import Real
from typing import Any

import pendulum

from airflow_provider_apify.api.foreign_text import foreign_text


def run_page(run_id: str | None) -> str:
    """Return the page of a run in Apify Console, or of all runs while its ID is not known."""
    return f"https://console.apify.com/actors/runs{f'/{run_id}' if run_id else ''}"


class RunStatus(StrEnum):
    """Statuses in which a run is over. Every other one, known or not, means that it goes on."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    TIMED_OUT = "TIMED-OUT"


_FINAL_STATUSES = frozenset(RunStatus)


@dataclass(frozen=True)
class ActorRun:
    """
    A run of an Actor or of a task: the object that the API sent, or the run info made from it.

    It has an ID and a status; any other field may be missing, or be of another type than Apify documents.
    """

    data: Mapping[str, Any]

    def part(self, key: str) -> Mapping[str, Any]:
        """Return an object within the run; empty if there is none."""
        value = self.data.get(key)
        return value if isinstance(value, Mapping) else {}

    @property
    def id(self) -> str:
        """ID of the run."""
        return str(self.data["id"])

    @property
    def status(self) -> str:
        """Status in Apify's words."""
        return str(self.data["status"])

    @property
    def started_at(self) -> datetime | None:
        """Time of the start."""
        return _time(self.data.get("startedAt"))

    @property
    def finished_at(self) -> datetime | None:
        """Time of the end; None while the run goes on."""
        return _time(self.data.get("finishedAt"))

    @property
    def ended(self) -> float:
        """Time of the end, in seconds since the epoch; that of the start if Apify does not tell it, or 0."""
        known = self.finished_at or self.started_at
        return known.timestamp() if known else 0.0

    @property
    def is_finished(self) -> bool:
        """Whether the run is over."""
        return self.status in _FINAL_STATUSES

    @property
    def is_ending(self) -> bool:
        """Whether the run is on its way to ABORTED or TIMED-OUT: not over yet, and it cannot succeed."""
        return self.status in ("ABORTING", "TIMING-OUT")

    @property
    def succeeded(self) -> bool:
        """Whether the run is over and succeeded."""
        return self.status == RunStatus.SUCCEEDED

    @property
    def status_message(self) -> str:
        """The Actor's word about its run: one line, of a length fit for logs and XCom."""
        return foreign_text(self.data.get("statusMessage") or "")

    @property
    def user_agent(self) -> str | None:
        """User-Agent of the request that started the run; missing in most lists."""
        user_agent = self.part("meta").get("userAgent")
        return user_agent if isinstance(user_agent, str) else None

    @property
    def console_url(self) -> str:
        """Page of the run in Apify Console."""
        return str(self.data.get("consoleUrl") or run_page(self.id))

    @property
    def usage(self) -> dict[str, float]:
        """Amounts of what the run used of Apify, such as `ACTOR_COMPUTE_UNITS`, without the zeros."""
        return {name: amount for name, amount in self.part("usage").items() if _is_number(amount) and amount}

    @property
    def cost(self) -> float | None:
        """What the run cost so far, in US dollars; None if Apify does not tell."""
        cost = self.data.get("usageTotalUsd")
        return cost if _is_number(cost) else None

    @property
    def info(self) -> dict[str, Any]:
        """Run info for XCom: at most 2 kB, always with the same keys, which are the API's own."""
        get = self.data.get
        return {
            "id": get("id"),
            "actId": get("actId"),
            "actorTaskId": get("actorTaskId"),
            "status": get("status"),
            "statusMessage": self.status_message or None,
            "exitCode": get("exitCode"),
            "startedAt": get("startedAt"),
            "finishedAt": get("finishedAt"),
            "buildNumber": get("buildNumber"),
            "defaultDatasetId": get("defaultDatasetId"),
            "defaultKeyValueStoreId": get("defaultKeyValueStoreId"),
            "defaultRequestQueueId": get("defaultRequestQueueId"),
            "usage": self.usage,
            "usageTotalUsd": get("usageTotalUsd"),
            "consoleUrl": self.console_url,
        }


def _time(value: Any) -> datetime | None:
    try:
        time = pendulum.parse(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return time if isinstance(time, datetime) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
