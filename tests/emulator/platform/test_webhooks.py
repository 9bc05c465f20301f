from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient
from tests.emulator.webhook_receiver import WebhookReceiver
from tests.support.waiting import wait_until


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def ad_hoc(**webhook: Any) -> dict[str, str]:
    return {"webhooks": b64encode(json.dumps([webhook]).encode()).decode()}


def wait_for_end(http: HttpClient, dispatch_id: str) -> dict[str, Any]:
    path = f"/v2/webhook-dispatches/{dispatch_id}"
    wait_until(lambda: http.data("GET", path)["status"] != "ACTIVE")
    dispatch: dict[str, Any] = http.data("GET", path)
    return dispatch


def test_a_webhook_is_told_of_the_life_of_a_run(http: HttpClient, receiver: WebhookReceiver) -> None:
    events = ["ACTOR.RUN.CREATED", "ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED"]
    run = http.data("POST", CRAWLER_RUNS, params=ad_hoc(eventTypes=events, requestUrl=receiver.url))
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
    dispatch = wait_for_end(http, headers["X-Apify-Webhook-Dispatch-Id"])
    assert dispatch["status"] == "SUCCEEDED"
    assert (dispatch["calls"][0]["responseStatus"], dispatch["calls"][0]["responseBody"]) == (200, "thanks")


def test_a_persistent_webhook_is_told_only_of_runs_that_meet_its_condition(
    http: HttpClient, receiver: WebhookReceiver, emulator: Emulator
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
    run = http.data("POST", CRAWLER_RUNS, json={"sleep": 1000})
    http("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert receiver.get()[1]["eventData"]["actorRunId"] == run["id"]
    assert receiver.received.empty()
    assert http.data("GET", f"/v2/webhooks/{created['id']}")["stats"] == {"totalDispatches": 1}


def test_a_failed_dispatch_is_retried_ever_later(
    http: HttpClient, receiver: WebhookReceiver, emulator: Emulator
) -> None:
    emulator.clock.speed = 10_000
    receiver.statuses = [500, 503]
    http.data(
        "POST", CRAWLER_RUNS, params=ad_hoc(eventTypes=["ACTOR.RUN.SUCCEEDED"], requestUrl=receiver.url)
    )
    dispatch_id = receiver.get()[0]["X-Apify-Webhook-Dispatch-Id"]
    receiver.get()
    receiver.get()
    dispatch = wait_for_end(http, dispatch_id)
    assert [call["responseStatus"] for call in dispatch["calls"]] == [500, 503, 200]
    first, second, third = (call["startedAt"] for call in dispatch["calls"])
    assert first[:16] < second[:16] < third[:16]


@pytest.mark.parametrize(("settings", "calls"), [({"doNotRetry": True}, 1), ({}, 12)])
def test_a_dispatch_fails_after_its_last_attempt(
    http: HttpClient, emulator: Emulator, settings: dict[str, Any], calls: int
) -> None:
    emulator.clock.speed = 1_000_000
    webhook = {
        "eventTypes": ["TEST"],
        "requestUrl": "http://127.0.0.1:9/",
        "condition": {"actorId": "x"},
        **settings,
    }
    webhook_id = http.data("POST", "/v2/webhooks", json=webhook)["id"]
    dispatch = wait_for_end(http, http.data("POST", f"/v2/webhooks/{webhook_id}/test")["id"])
    assert (dispatch["status"], len(dispatch["calls"])) == ("FAILED", calls)
    assert dispatch["calls"][0]["responseStatus"] is None
    assert "refused" in dispatch["calls"][0]["errorMessage"].lower()


def test_templates_fill_payload_and_headers(http: HttpClient, receiver: WebhookReceiver) -> None:
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
    run = http.data("POST", CRAWLER_RUNS, params=query)
    headers, body = receiver.get()
    assert body["run"] == run["id"]
    assert body["text"] == "ACTOR.RUN.SUCCEEDED!"
    assert (type(body["at"]), body["none"]) == (int, None)
    assert headers["Authorization"] == f"Bearer {run['id']}"
