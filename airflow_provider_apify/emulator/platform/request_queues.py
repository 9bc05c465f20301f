"""Request queues: order, locks and handling of requests, as far as Apify's SDK needs them."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from types import NoneType
from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_request, not_found
from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.storages import Storage

REQUEST_ID_LENGTH = 15
OPTIONAL_FIELDS: dict[str, tuple[type, ...]] = {
    "uniqueKey": (str,),
    "retryCount": (int,),
    "loadedUrl": (str,),
    "payload": (str, dict),
    "headers": (dict,),
    "userData": (dict,),
    "noRetry": (bool,),
    "errorMessages": (list,),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


def request_id_of(unique_key: str) -> str:
    """Derive a request's id from its unique key, as Apify's SDKs do."""
    digest = b64encode(hashlib.sha256(unique_key.encode()).digest()).decode()
    return re.sub(r"[^a-zA-Z0-9]", "", digest)[:REQUEST_ID_LENGTH]


def _check(request: dict[str, Any]) -> None:
    if not isinstance(request.get("url"), str) or not request["url"]:
        raise invalid_request("A request needs a url.")
    if request.get("method", "GET") not in METHODS:
        raise invalid_request(f"The method of a request must be one of: {', '.join(METHODS)}.")
    for name, kinds in OPTIONAL_FIELDS.items():
        if not isinstance(request.get(name), (*kinds, NoneType)):
            raise invalid_request(f"{name} of a request has the wrong type.")
    handled_at = request.get("handledAt")
    try:
        if handled_at is not None:
            datetime.fromisoformat(handled_at)
    except (TypeError, ValueError):
        raise invalid_request("handledAt must be a time in ISO 8601.") from None


@dataclass
class QueuedRequest:
    """A request in the queue."""

    request: dict[str, Any]
    order: int
    locked_until: float = 0
    locked_by: str | None = None

    @property
    def is_handled(self) -> bool:
        """Whether the request was handled."""
        return bool(self.request.get("handledAt"))


@dataclass
class RequestQueue(Storage):
    """A request queue."""

    label = "request queue"
    console = "request-queues"

    entries: dict[str, QueuedRequest] = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._last = 0

    def add(self, request: dict[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Add a request, unless its unique key is known."""
        _check(request)
        key = request.setdefault("uniqueKey", request["url"])
        request_id = request_id_of(str(key))
        known = self.entries.get(request_id)
        if known is None:
            self.entries[request_id] = QueuedRequest(
                {"method": "GET", "retryCount": 0, **request, "id": request_id}, self._order(forefront)
            )
            self.was_written()
        return self._registration(request_id, known)

    def update(self, request_id: str, request: dict[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Change a request; ``handledAt`` marks it as handled."""
        _check(request)
        known = self.entries.get(request_id)
        before = QueuedRequest(dict(known.request), known.order) if known else None
        entry = known or QueuedRequest({}, self._order(forefront))
        entry.request = {**entry.request, **request, "id": request_id}
        if not entry.is_handled and known and forefront:
            entry.order = self._order(forefront)
        entry.locked_until = 0
        self.entries[request_id] = entry
        self.was_written()
        return self._registration(request_id, before)

    def remove(self, request_id: str) -> bool:
        """Delete a request and say whether it existed."""
        self.deletes += 1
        return self.entries.pop(request_id, None) is not None

    def head(self, limit: int, *, unlocked: bool = False) -> list[QueuedRequest]:
        """Return the next requests that are not handled, or only those that are not locked either."""
        now = self.clock.time()
        waiting = (entry for entry in self.entries.values() if not entry.is_handled)
        free = [entry for entry in waiting if not unlocked or entry.locked_until <= now]
        return sorted(free, key=lambda entry: entry.order)[:limit]

    def lock(self, entry: QueuedRequest, seconds: float, client: str | None) -> str:
        """Lock a request for a client, unless another one holds it, and return when the lock expires."""
        self._check_lock(entry, client)
        entry.locked_until, entry.locked_by = self.clock.time() + seconds, client
        return iso(entry.locked_until)

    def unlock(self, entry: QueuedRequest, client: str | None, *, forefront: bool = False) -> None:
        """Unlock a request, unless another client holds it."""
        self._check_lock(entry, client)
        entry.locked_until, entry.locked_by = 0, None
        if forefront:
            entry.order = self._order(forefront)

    def entry(self, request_id: str) -> QueuedRequest:
        """Return the request of an id, or raise the API's error for one that does not exist."""
        entry = self.entries.get(request_id)
        if entry is None:
            raise not_found("Request")
        return entry

    def describe(self) -> dict[str, Any]:
        """Return the request queue object of the API."""
        handled = sum(entry.is_handled for entry in self.entries.values())
        return {
            **super().describe(),
            "totalRequestCount": len(self.entries),
            "handledRequestCount": handled,
            "pendingRequestCount": len(self.entries) - handled,
            "hadMultipleClients": len(self.clients) > 1,
            "stats": {
                "deleteCount": self.deletes,
                "headItemReadCount": self.lists,
                "readCount": self.reads,
                "writeCount": self.writes,
                "storageBytes": 0,
            },
        }

    def _check_lock(self, entry: QueuedRequest, client: str | None) -> None:
        if entry.locked_until > self.clock.time() and entry.locked_by != client:
            raise ApiError(403, "request-handled-or-locked", "The request is locked by another client.")

    def _order(self, forefront: bool) -> int:
        self._last += 1
        return -self._last if forefront else self._last

    def _registration(self, request_id: str, known: QueuedRequest | None) -> dict[str, Any]:
        return {
            "requestId": request_id,
            "uniqueKey": self.entries[request_id].request.get("uniqueKey", ""),
            "wasAlreadyPresent": known is not None,
            "wasAlreadyHandled": known is not None and known.is_handled,
        }
