from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_a_new_run_is_ready_and_has_all_its_fields(http: HttpClient, emulator: Emulator) -> None:
    answer = http(
        "POST",
        f"{CRAWLER_RUNS}?memory=512&timeout=60",
        json={"items": 1},
        headers={"User-Agent": "me/1", "x-apify-integration-platform": "airflow"},
    )
    run = answer.json()["data"]
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"/v2/actors/{run['actId']}/runs/{run['id']}")
    assert (run["status"], run["finishedAt"], run["exitCode"]) == ("READY", None, None)
    assert run["meta"] == {"origin": "API", "clientIp": "127.0.0.1", "userAgent": "me/1"}
    assert run["integrationTracking"] == {"platform": "airflow"}
    assert run["options"] == {"build": "latest", "timeoutSecs": 60, "memoryMbytes": 512, "diskMbytes": 1024}
    assert len(run["id"]) == 17
    assert run["storageIds"]["datasets"]["default"] == run["defaultDatasetId"]
    assert emulator.runs[0]["id"] == run["id"]


@pytest.mark.parametrize(
    ("body", "content_type", "stored"),
    [
        (b"", None, None),
        (b"null", "application/json; charset=utf-8", None),
        (b'{"items": 1}', "application/json", b'{"items": 1}'),
        (b"\x00\x01", "application/octet-stream", b"\x00\x01"),
        (b"plain", "text/plain", b"plain"),
    ],
)
def test_input_is_stored_as_it_came(
    http: HttpClient, emulator: Emulator, body: bytes, content_type: Any, stored: Any
) -> None:
    emulator.actor("emulator/quiet")(lambda actor: None)
    headers = {"Content-Type": content_type} if content_type else {}
    run = http.data("POST", "/v2/actors/emulator~quiet/runs", data=body, headers=headers)
    record = http("GET", f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/INPUT")
    if stored is None:
        assert error_of(record) == (404, "record-not-found")
    else:
        assert record.content == stored
        assert record.headers["Content-Type"] == content_type


def test_task_input_and_options_are_merged(http: HttpClient) -> None:
    run = http.data("POST", "/v2/actor-tasks/emulator~my-task/runs?timeout=5", json={"sleep": 0})
    record = http("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/INPUT")
    assert record.json() == {"items": 2, "sleep": 0}
    assert (run["options"]["memoryMbytes"], run["options"]["timeoutSecs"]) == (256, 5)
    assert run["actorTaskId"] == http.data("GET", "/v2/actor-tasks/emulator~my-task")["id"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("memory=100", "invalid-value"),
        ("memory=65536", "invalid-value"),
        ("timeout=-1", "invalid-value"),
        ("build=beta", "unknown-build-tag"),
        ("maxItems=0", "max-items-must-be-greater-than-zero"),
        ("maxTotalChargeUsd=0", "max-total-charge-usd-must-be-greater-than-zero"),
        ("waitForFinish=x", "invalid-value"),
        ("webhooks=x", "invalid-request"),
        ("forcePermissionLevel=ALL", "invalid-value"),
    ],
)
def test_bad_options_start_nothing(http: HttpClient, emulator: Emulator, query: str, error: str) -> None:
    assert error_of(http("POST", f"{CRAWLER_RUNS}?{query}")) == (400, error)
    assert emulator.runs == []


def test_bad_input_starts_nothing(http: HttpClient, emulator: Emulator) -> None:
    properties = {
        "maxPages": {"type": "integer", "minimum": 1},
        "proxy": {"type": "object", "nullable": True},
    }
    schema = {"type": "object", "properties": properties, "required": ["url"]}
    emulator.actor("emulator/strict", input_schema=schema)(lambda actor: None)
    path = "/v2/actors/emulator~strict"
    answer = http("POST", f"{path}/runs", json={"maxPages": 0})
    assert error_of(answer) == (400, "invalid-input")
    assert "Field input.maxPages must be >= 1" in answer.json()["error"]["message"]
    assert error_of(http("POST", f"{path}/validate-input", json={})) == (400, "invalid-input")
    assert http("POST", f"{path}/validate-input", json={"url": "a", "proxy": None}).json() == {"valid": True}
    emulator.actor("emulator/broken", input_schema={"type": "nonsense"})(lambda actor: None)
    assert error_of(http("POST", "/v2/actors/emulator~broken/runs", json={})) == (400, "invalid-input-schema")
    headers = {"Content-Type": "application/json"}
    assert error_of(http("POST", f"{path}/runs", data=b"{", headers=headers)) == (
        400,
        "run-input-body-not-valid-json",
    )
    assert error_of(http("POST", f"{path}/runs", json=[1])) == (400, "input-json-not-object")
    assert emulator.runs == []
    build = http.data("GET", f"{path}/builds/default")
    assert json.loads(build["inputSchema"]) == schema


def test_ad_hoc_webhooks_belong_to_the_run(http: HttpClient) -> None:
    webhooks = [
        {"eventTypes": ["ACTOR.RUN.FAILED"], "requestUrl": "http://127.0.0.1:9/x", "idempotencyKey": "k"}
    ]
    query = {"webhooks": b64encode(json.dumps(webhooks).encode()).decode()}
    run = http.data("POST", CRAWLER_RUNS, params=query)
    listed = http.data("GET", "/v2/webhooks")["items"]
    assert [item["condition"] for item in listed] == [{"actorRunId": run["id"]}]
    assert listed[0]["isAdHoc"] is True
