from __future__ import annotations

import json
import queue
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.emulator.platform.webhook_templates import interpolate
from tests.emulator.conftest import Http, error_of

RUNS = "/v2/actors/emulator~crawler/runs"


class Receiver:
    """An HTTP server that takes what webhooks send."""

    def __init__(self) -> None:
        self.received: queue.Queue[tuple[dict[str, str], Any]] = queue.Queue()
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()
                self.wfile.write(b"thanks")
                receiver.received.put((dict(self.headers), json.loads(body)))

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self) -> tuple[dict[str, str], Any]:
        return self.received.get(timeout=10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def ad_hoc(**webhook: Any) -> dict[str, str]:
    return {"webhooks": b64encode(json.dumps([webhook]).encode()).decode()}


def settled(http: Http, dispatch_id: str) -> dict[str, Any]:
    for _ in range(1000):
        dispatch = http.data("GET", f"/v2/webhook-dispatches/{dispatch_id}")
        if dispatch["status"] != "ACTIVE":
            return dispatch
    raise AssertionError("The dispatch never came to an end.")


def test_the_life_of_a_run_is_told(http: Http, receiver: Receiver) -> None:
    events = ["ACTOR.RUN.CREATED", "ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED"]
    run = http.data("POST", RUNS, params=ad_hoc(eventTypes=events, requestUrl=receiver.url))
    told = [receiver.get() for _ in range(2)]
    bodies = {body["eventType"]: body for _, body in told}
    assert set(bodies) == {"ACTOR.RUN.CREATED", "ACTOR.RUN.SUCCEEDED"}
    body = bodies["ACTOR.RUN.SUCCEEDED"]
    assert body["resource"]["id"] == run["id"]
    assert body["resource"]["status"] == "SUCCEEDED"
    assert body["eventData"] == {"actorId": run["actId"], "actorTaskId": None, "actorRunId": run["id"]}
    assert set(body) == {"userId", "createdAt", "eventType", "eventData", "resource"}
    headers = told[0][0]
    assert headers["X-Apify-Webhook"] == "1"
    dispatch = settled(http, headers["X-Apify-Webhook-Dispatch-Id"])
    assert dispatch["status"] == "SUCCEEDED"
    assert (dispatch["calls"][0]["responseStatus"], dispatch["calls"][0]["responseBody"]) == (200, "thanks")


def test_persistent_webhooks_follow_their_condition(
    http: Http, receiver: Receiver, emulator: Emulator
) -> None:
    emulator.actor("emulator/other")(lambda actor: None)
    actor = http.data("GET", "/v2/actors/emulator~crawler")["id"]
    webhook = {
        "eventTypes": ["ACTOR.RUN.ABORTED"],
        "requestUrl": receiver.url,
        "condition": {"actorId": actor},
    }
    created = http.data("POST", "/v2/webhooks", json=webhook)
    http.run("emulator~other")
    run = http.data("POST", RUNS, json={"sleep": 1000})
    http("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert receiver.get()[1]["eventData"]["actorRunId"] == run["id"]
    assert receiver.received.empty()
    assert http.data("GET", f"/v2/webhooks/{created['id']}")["stats"] == {"totalDispatches": 1}


def test_failures_are_retried_ever_later(http: Http, receiver: Receiver, emulator: Emulator) -> None:
    emulator.clock.speed = 10_000
    receiver.statuses = [500, 503]
    http.data("POST", RUNS, params=ad_hoc(eventTypes=["ACTOR.RUN.SUCCEEDED"], requestUrl=receiver.url))
    dispatch_id = receiver.get()[0]["X-Apify-Webhook-Dispatch-Id"]
    receiver.get()
    receiver.get()
    dispatch = settled(http, dispatch_id)
    assert [call["responseStatus"] for call in dispatch["calls"]] == [500, 503, 200]
    first, second, third = (call["startedAt"] for call in dispatch["calls"])
    assert first[:16] < second[:16] < third[:16]


@pytest.mark.parametrize(("settings", "calls"), [({"doNotRetry": True}, 1), ({}, 12)])
def test_failures_end_some_day(http: Http, emulator: Emulator, settings: dict[str, Any], calls: int) -> None:
    emulator.clock.speed = 1_000_000
    webhook = {
        "eventTypes": ["TEST"],
        "requestUrl": "http://127.0.0.1:9/",
        "condition": {"actorId": "x"},
        **settings,
    }
    webhook_id = http.data("POST", "/v2/webhooks", json=webhook)["id"]
    dispatch = settled(http, http.data("POST", f"/v2/webhooks/{webhook_id}/test")["id"])
    assert (dispatch["status"], len(dispatch["calls"])) == ("FAILED", calls)
    assert dispatch["calls"][0]["responseStatus"] is None
    assert "refused" in dispatch["calls"][0]["errorMessage"].lower()


def test_templates(http: Http, receiver: Receiver) -> None:
    template = (
        '{"run": {{resource.id}}, "text": "{{eventType}}!",'
        ' "at": {{globals.dateUnix}}, "none": {{resource.nope}}}'
    )
    query = ad_hoc(
        eventTypes=["ACTOR.RUN.SUCCEEDED"],
        requestUrl=receiver.url,
        payloadTemplate=template,
        headersTemplate='{"Authorization": "Bearer {{resource.id}}"}',
        shouldInterpolateStrings=True,
    )
    run = http.data("POST", RUNS, params=query)
    headers, body = receiver.get()
    assert body["run"] == run["id"]
    assert body["text"] == "ACTOR.RUN.SUCCEEDED!"
    assert (type(body["at"]), body["none"]) == (int, None)
    assert headers["Authorization"] == f"Bearer {run['id']}"


def test_strings_are_left_alone_unless_asked() -> None:
    template = '{"a": "{{x}} \\" {{x}}", "b": {{x}}, "c": {{ y.z }}}'
    variables = {"x": 'say "hi"', "y": {"z": [1]}}
    assert json.loads(interpolate(template, variables, strings=False)) == {
        "a": '{{x}} " {{x}}',
        "b": 'say "hi"',
        "c": [1],
    }
    assert json.loads(interpolate(template, variables, strings=True))["a"] == 'say "hi" " say "hi"'


@pytest.mark.parametrize(
    "change",
    [
        {"eventTypes": []},
        {"eventTypes": ["NO.SUCH"]},
        {"requestUrl": "ftp://x"},
        {"condition": {}},
        {"condition": None},
    ],
)
def test_bad_webhooks(http: Http, change: dict[str, Any]) -> None:
    webhook = {"eventTypes": ["TEST"], "requestUrl": "http://a", "condition": {"actorId": "x"}, **change}
    assert error_of(http("POST", "/v2/webhooks", json=webhook)) == (400, "invalid-request")
