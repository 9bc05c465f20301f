"""Webhooks: which events they are told, delivery over real HTTP, and retries."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_apify.emulator.platform.clock import Clock, iso
from airflow_provider_apify.emulator.platform.ids_and_names import new_id
from airflow_provider_apify.emulator.platform.this_machine import is_this_machine
from airflow_provider_apify.emulator.platform.webhook_templates import DEFAULT_PAYLOAD, interpolate

EVENTS = (
    *(f"ACTOR.BUILD.{event}" for event in ("ABORTED", "CREATED", "FAILED", "SUCCEEDED", "TIMED_OUT")),
    *(f"ACTOR.RUN.{event}" for event in ("ABORTED", "CREATED", "FAILED", "RESURRECTED")),
    "ACTOR.RUN.SUCCEEDED",
    "ACTOR.RUN.TIMED_OUT",
    "TEST",
)
ANSWER_SECONDS = 120
RETRY_SECONDS = tuple(60 * 2**attempt for attempt in range(11))
MAX_RESPONSE = 1 << 16


@dataclass
class Webhook:
    """A webhook, persistent or ad hoc; its fields are named as in the API."""

    user_id: str
    event_types: list[str]
    request_url: str
    condition: dict[str, Any]
    created_at: float
    modified_at: float
    payload_template: str | None = None
    headers_template: str | None = None
    should_interpolate_strings: bool = False
    idempotency_key: str | None = None
    ignore_ssl_errors: bool = False
    do_not_retry: bool = False
    description: str | None = None
    is_ad_hoc: bool = False
    id: str = field(default_factory=new_id)
    dispatches: list[Dispatch] = field(default_factory=list)

    def wants(self, event: str, run: dict[str, Any]) -> bool:
        """Say whether an event in the life of a run is for this webhook."""
        if event not in self.event_types or run["userId"] != self.user_id:
            return False
        pairs = (("actorId", "actId"), ("actorTaskId", "actorTaskId"), ("actorRunId", "id"))
        wanted = [(self.condition[name], run[key]) for name, key in pairs if self.condition.get(name)]
        return all(expected == actual for expected, actual in wanted)

    def describe(self) -> dict[str, Any]:
        """Return the webhook object of the API."""
        last = self.dispatches[-1] if self.dispatches else None
        return {
            "id": self.id,
            "userId": self.user_id,
            "createdAt": iso(self.created_at),
            "modifiedAt": iso(self.modified_at),
            "isAdHoc": self.is_ad_hoc,
            "shouldInterpolateStrings": self.should_interpolate_strings,
            "eventTypes": self.event_types,
            "condition": self.condition,
            "ignoreSslErrors": self.ignore_ssl_errors,
            "doNotRetry": self.do_not_retry,
            "requestUrl": self.request_url,
            "payloadTemplate": self.payload_template,
            "headersTemplate": self.headers_template,
            "description": self.description,
            "lastDispatch": {"status": last.status, "finishedAt": last.finished_at()} if last else None,
            "stats": {"totalDispatches": len(self.dispatches)},
        }


@dataclass
class Dispatch:
    """The delivery of an event to a webhook."""

    webhook: Webhook
    event: str
    variables: dict[str, Any]
    clock: Clock
    id: str = field(default_factory=new_id)
    status: str = "ACTIVE"
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.created_at = self.clock.time()
        self.webhook.dispatches.append(self)

    def finished_at(self) -> str | None:
        """Return when the last call ended, or None while another one may follow."""
        return None if self.status == "ACTIVE" or not self.calls else str(self.calls[-1]["finishedAt"])

    def describe(self) -> dict[str, Any]:
        """Return the dispatch object of the API."""
        return {
            "id": self.id,
            "userId": self.webhook.user_id,
            "webhookId": self.webhook.id,
            "createdAt": iso(self.created_at),
            "status": self.status,
            "eventType": self.event,
            "eventData": self.variables["eventData"],
            "webhook": {
                "actionType": "HTTP_REQUEST",
                "condition": self.webhook.condition,
                "requestUrl": self.webhook.request_url,
                "isAdHoc": self.webhook.is_ad_hoc,
            },
            "calls": self.calls,
        }

    def deliver(self) -> None:
        """Call the URL in a thread of its own, and again later after a failure."""
        threading.Thread(target=self._call, name=f"webhook-{self.id}", daemon=True).start()

    def _call(self) -> None:
        call: dict[str, Any] = {"startedAt": iso(self.clock.time()), "errorMessage": None}
        try:
            call["responseStatus"], call["responseBody"] = self._post()
        except (OSError, ValueError, HTTPException) as problem:
            call |= {"responseStatus": None, "responseBody": None, "errorMessage": str(problem)}
        call["finishedAt"] = iso(self.clock.time())
        self.calls.append(call)
        attempt = len(self.calls) - 1
        if call["responseStatus"] and 200 <= call["responseStatus"] < 300:
            self.status = "SUCCEEDED"
        elif self.webhook.do_not_retry or attempt >= len(RETRY_SECONDS):
            self.status = "FAILED"
        else:
            self.clock.call_at(self.clock.time() + RETRY_SECONDS[attempt], self.deliver)

    def _post(self) -> tuple[int, str]:
        webhook = self.webhook
        strings = webhook.should_interpolate_strings
        payload = interpolate(webhook.payload_template or DEFAULT_PAYLOAD, self.variables, strings=strings)
        headers = {}
        if webhook.headers_template:
            headers = json.loads(interpolate(webhook.headers_template, self.variables, strings=strings))
        headers |= {
            "Content-Type": "application/json; charset=utf-8",
            "X-Apify-Webhook": "1",
            "X-Apify-Webhook-Dispatch-Id": self.id,
            "X-Apify-Request-Origin": "WEBHOOK",
        }
        with contextlib.closing(self._connect()) as connection:
            url = urlsplit(webhook.request_url)
            path = urlunsplit(("", "", url.path or "/", url.query, ""))
            connection.request("POST", path, payload.encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MAX_RESPONSE).decode(errors="replace")

    def _connect(self) -> HTTPConnection:
        """Connect to the webhook's host, and to no proxy."""
        url = urlsplit(self.webhook.request_url)
        if not is_this_machine(self.webhook.request_url):
            raise ValueError(f"The emulator calls webhooks on this machine alone, and not {url.hostname}.")
        assert url.hostname
        if url.scheme != "https":
            return HTTPConnection(url.hostname, url.port, timeout=ANSWER_SECONDS)
        context = ssl.create_default_context()
        if self.webhook.ignore_ssl_errors:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return HTTPSConnection(url.hostname, url.port, timeout=ANSWER_SECONDS, context=context)


class Webhooks:
    """All webhooks and their dispatches."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.all: dict[str, Webhook] = {}

    def add(self, webhook: Webhook) -> Webhook:
        """Add a webhook, or return the one that already has its ``idempotency_key``."""
        for known in self.all.values():
            same = known.user_id == webhook.user_id and known.idempotency_key == webhook.idempotency_key
            if webhook.idempotency_key and same:
                return known
        self.all[webhook.id] = webhook
        return webhook

    def emit(self, event: str, describe: Callable[[], dict[str, Any]]) -> None:
        """Tell the webhooks concerned of an event; ``describe`` makes the run object, if there are any."""
        if not self.all:
            return
        run = describe()
        data = {"actorId": run["actId"], "actorTaskId": run["actorTaskId"], "actorRunId": run["id"]}
        for webhook in tuple(self.all.values()):
            if webhook.wants(event, run):
                self.dispatch(webhook, event, data, run)

    def dispatch(self, webhook: Webhook, event: str, data: Any, resource: Any) -> Dispatch:
        """Send an event to a webhook."""
        now = self._clock.time()
        variables = {
            "userId": webhook.user_id,
            "createdAt": iso(now),
            "eventType": event,
            "eventData": data,
            "resource": resource,
            "globals": {"dateISO": iso(now), "dateUnix": int(now)},
        }
        dispatch = Dispatch(webhook, event, variables, self._clock)
        dispatch.deliver()
        return dispatch

    def of_user(self, user_id: str) -> list[Webhook]:
        """Return the webhooks of a user in the order they were added."""
        return [webhook for webhook in tuple(self.all.values()) if webhook.user_id == user_id]

    def dispatches(self, user_id: str) -> list[Dispatch]:
        """Return all dispatches of a user in the order of their time."""
        dispatches = [dispatch for webhook in self.of_user(user_id) for dispatch in webhook.dispatches]
        return sorted(dispatches, key=lambda dispatch: dispatch.created_at)
