"""What the API's answers mean to us: small, frozen, plain whatever was sent; unknown statuses are taken."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_provider_apify.api.call import known_id
from airflow_provider_apify.api.foreign_text import foreign_text

#: Largest number of JSON that is exact everywhere.
_MOST = 2**53 - 1
#: Bytes of the run info as JSON: it lives in XComs and in trigger events.
_MAX_INFO_BYTES = 2_000
#: Names in `usage`; Apify has a dozen.
_MAX_USAGE_NAMES = 16
#: Characters of a User-Agent, of which ours are some hundred.
_MAX_USER_AGENT = 1_000
#: How far Apify's clock may be ahead of ours, in seconds; later times would hide all runs that come.
_CLOCK_AHEAD = 86_400.0


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


def _matching(pattern: str) -> Callable[[Any], str | None]:
    whole = re.compile(pattern, re.ASCII)
    return lambda value: value if isinstance(value, str) and whole.fullmatch(value) else None


_word, _usage_name = _matching(r"[\w.-]{1,32}"), _matching(r"\w{1,40}")


def _number(value: Any) -> float | None:
    # NaN is in no range.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and -_MOST <= value <= _MOST else None


def _usage(value: Any) -> dict[str, float]:
    amounts = value.items() if isinstance(value, Mapping) else ()
    known = [(name, amount) for name, amount in amounts if _usage_name(name) and _number(amount)]
    return dict(known[:_MAX_USAGE_NAMES])


def _time(value: str | None) -> datetime | None:
    try:
        told = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return told if 0 <= told.timestamp() <= time.time() + _CLOCK_AHEAD else None


def _moment(value: Any) -> str | None:
    short = isinstance(value, str) and len(value) <= 40
    return value if short and _time(value) else None


def _message(value: Any) -> str | None:
    return (foreign_text(value) or None) if isinstance(value, str) else None


def _user_agent(value: Any) -> str | None:
    return value[:_MAX_USER_AGENT] if isinstance(value, str) else None


#: The fields that are known, in the order of the run info, and how each is read: anything else is None.
_INFO: dict[str, Callable[[Any], Any]] = {
    "id": known_id,
    "actId": known_id,
    "actorTaskId": known_id,
    "status": _word,
    "statusMessage": _message,
    "exitCode": _number,
    "startedAt": _moment,
    "finishedAt": _moment,
    "buildNumber": _word,
    "defaultDatasetId": known_id,
    "defaultKeyValueStoreId": known_id,
    "defaultRequestQueueId": known_id,
    "usage": _usage,
    "usageTotalUsd": _number,
}
#: Of objects within the run.
_PARTS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "meta": {"origin": _word, "userAgent": _user_agent},
    "stats": {"resurrectCount": _number},
    "options": {"maxTotalChargeUsd": _number},
    "pricingInfo": {"pricingModel": _word},
}


def _read(fields: Mapping[str, Callable[[Any], Any]], answer: Any) -> dict[str, Any]:
    sent = answer if isinstance(answer, Mapping) else {}
    return {key: read(sent.get(key)) for key, read in fields.items()}


@dataclass(frozen=True)
class ActorRun:
    """
    A run of an Actor or of a task, made from the object that the API sent, or from the run info.

    It has an ID and a status; any other field may be None. What is not of the type that Apify documents, or
    larger than anything of Apify's, counts as missing, and fields that are not used here are left out.

    :raises ValueError: if it has no ID or no status.
    """

    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        sent = self.data if isinstance(self.data, Mapping) else {}
        known = _read(_INFO, sent)
        known |= {part: _read(fields, sent.get(part)) for part, fields in _PARTS.items()}
        if not (known["id"] and known["status"]):
            raise ValueError("a run without id or status")
        object.__setattr__(self, "data", known)

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
        return _time(self.data["startedAt"])

    @property
    def finished_at(self) -> datetime | None:
        """Time of the end; None while the run goes on."""
        return _time(self.data["finishedAt"])

    @property
    def started(self) -> float:
        """Time of the start, in seconds since the epoch; 0 if Apify does not tell it."""
        return self.started_at.timestamp() if self.started_at else 0.0

    @property
    def ended(self) -> float:
        """Time of the end, in seconds since the epoch; that of the start if Apify does not tell it, or 0."""
        return self.finished_at.timestamp() if self.finished_at else self.started

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
        return self.data["statusMessage"] or ""

    @property
    def user_agent(self) -> str | None:
        """User-Agent of the request that started the run; missing in most lists."""
        user_agent: str | None = self.data["meta"]["userAgent"]
        return user_agent

    @property
    def console_url(self) -> str:
        """Page of the run in Apify Console."""
        return run_page(self.id)

    @property
    def usage(self) -> dict[str, float]:
        """Amounts of what the run used of Apify, such as `ACTOR_COMPUTE_UNITS`, without the zeros."""
        return dict(self.data["usage"])

    @property
    def cost(self) -> float | None:
        """What the run cost so far, in US dollars; None if Apify does not tell."""
        cost: float | None = self.data["usageTotalUsd"]
        return cost

    @property
    def info(self) -> dict[str, Any]:
        """Run info for XCom: at most 2 kB, always with the same keys, which are the API's own."""
        info = {key: self.data[key] for key in _INFO} | {"usage": self.usage, "consoleUrl": self.console_url}
        # All else has its bound.
        while info["statusMessage"] and len(json.dumps(info)) > _MAX_INFO_BYTES:
            info["statusMessage"] = info["statusMessage"][:-20]
        return info
