from __future__ import annotations

import json
import threading
from base64 import b64encode
from typing import Any

import pytest

from airflow_provider_apify.emulator import ActorContext, ActorStopped, Emulator
from tests.emulator.conftest import Http, error_of

ACTOR = "/v2/actors/emulator~crawler"


def test_a_new_run_is_ready_and_whole(http: Http, emulator: Emulator) -> None:
    answer = http(
        "POST",
        f"{ACTOR}/runs?memory=512&timeout=60",
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


def test_both_paths_and_all_names(http: Http) -> None:
    actor = http.data("GET", ACTOR)
    for path in (
        "/v2/acts/emulator~crawler",
        "/v2/actors/~crawler",
        "/v2/actors/crawler",
        f"/v2/acts/{actor['id']}",
        f"/v2/actors/{actor['userId']}~crawler",
        "/v2/actors/Emulator~Crawler"[:11] + "emulator~Crawler",
    ):
        assert http.data("GET", path)["id"] == actor["id"], path
    assert error_of(http("GET", "/v2/actors/emulator/crawler"))[0] == 404


def test_the_verb_may_be_given_as_a_parameter(http: Http, emulator: Emulator) -> None:
    assert http("GET", f"{ACTOR}/runs?method=POST").status_code == 201
    assert len(emulator.runs) == 1


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
    http: Http, emulator: Emulator, body: bytes, content_type: Any, stored: Any
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


def test_task_input_and_options_are_merged(http: Http) -> None:
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
def test_bad_options_start_nothing(http: Http, emulator: Emulator, query: str, error: str) -> None:
    assert error_of(http("POST", f"{ACTOR}/runs?{query}")) == (400, error)
    assert emulator.runs == []


def test_bad_input_starts_nothing(http: Http, emulator: Emulator) -> None:
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


def test_ends(http: Http) -> None:
    succeeded, failed, crashed = http.run(), http.run(fail=7), http.run(crash="boom")
    assert [run["status"] for run in (succeeded, failed, crashed)] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert [run["exitCode"] for run in (succeeded, failed, crashed)] == [0, 7, 1]
    assert (failed["statusMessage"], failed["isStatusMessageTerminal"]) == ("Nothing to crawl", True)
    assert "ValueError: boom" in http("GET", f"/v2/logs/{crashed['id']}").text


def test_timeout_in_emulated_time(http: Http, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    run = http.data("POST", f"{ACTOR}/runs?timeout=3600", json={"sleep": 7200})
    emulator.clock.advance(3599)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "RUNNING"
    emulator.clock.advance(1)
    emulator.clock.speed = 1
    ended = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    assert (ended["status"], ended["stats"]["runTimeSecs"] >= 3600) == ("TIMED-OUT", True)


def test_a_long_poll_ends_with_its_time_and_is_clamped(http: Http, emulator: Emulator) -> None:
    emulator.clock.speed = 1000
    run = http.data("POST", f"{ACTOR}/runs", json={"sleep": 10**9})
    before = emulator.clock.time()
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=999999")["status"] == "RUNNING"
    assert emulator.clock.time() - before >= 60


def test_a_long_poll_ends_with_the_run(http: Http, emulator: Emulator) -> None:
    emulator.clock.speed = 100
    before = emulator.clock.time()
    run = http.data("POST", f"{ACTOR}/runs?waitForFinish=60", json={"sleep": 20})
    assert run["status"] == "SUCCEEDED"
    assert 20 <= emulator.clock.time() - before < 60


def test_states_on_the_way_can_be_seen(http: Http, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    emulator.switches.ready_seconds = emulator.switches.stop_seconds = 5
    run = http.data("POST", f"{ACTOR}/runs?timeout=60", json={"sleep": 1000})
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "READY"
    for seconds, status in ((5, "RUNNING"), (60, "TIMING-OUT"), (5, "TIMED-OUT")):
        emulator.clock.advance(seconds)
        wait_for(http, run["id"], status)


def wait_for(http: Http, run_id: str, status: str) -> None:
    for _ in range(500):
        if http.data("GET", f"/v2/actor-runs/{run_id}")["status"] == status:
            return
    raise AssertionError(f"The run never became {status}.")


def test_abort(http: Http, emulator: Emulator) -> None:
    effects: list[str] = []

    @emulator.actor("emulator/stubborn")
    def stubborn(actor: ActorContext) -> None:
        try:
            actor.sleep(1000)
        except ActorStopped:
            effects.append("stopped")
            actor.push_data({"too": "late"})

    run = http.data("POST", "/v2/actors/emulator~stubborn/runs")
    wait_for(http, run["id"], "RUNNING")
    assert http.data("POST", f"/v2/actor-runs/{run['id']}/abort")["status"] == "ABORTING"
    ended = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    assert ended["status"] == "ABORTED"
    assert http.data("POST", f"/v2/actor-runs/{run['id']}/abort")["status"] == "ABORTED"
    assert emulator.aborts == [
        {"runId": run["id"], "effective": True},
        {"runId": run["id"], "effective": False},
    ]
    assert effects == ["stopped"]
    assert http("GET", f"/v2/actor-runs/{run['id']}/dataset/items").json() == []
    emulator.switches.abort_finished = "refuse"
    assert http("POST", f"/v2/actor-runs/{run['id']}/abort").status_code == 400


def test_a_graceful_abort_lets_the_actor_finish(http: Http, emulator: Emulator) -> None:
    @emulator.actor("emulator/polite")
    def polite(actor: ActorContext) -> None:
        while not actor.is_aborting:
            actor.sleep(0.01)
        actor.set_value("SAVED", True)

    run = http.data("POST", "/v2/actors/emulator~polite/runs")
    wait_for(http, run["id"], "RUNNING")
    http("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=true")
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "ABORTED"
    assert http("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/SAVED").json() is True


def test_a_graceful_abort_has_thirty_seconds(http: Http, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    run = http.data("POST", f"{ACTOR}/runs", json={"sleep": 1000})
    wait_for(http, run["id"], "RUNNING")
    http("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=true")
    emulator.clock.advance(29)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "ABORTING"
    emulator.clock.advance(1)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "ABORTED"


def test_runs_and_unnamed_storages_expire(http: Http, emulator: Emulator) -> None:
    run = http.run()
    named = http.data("POST", "/v2/datasets?name=kept")["id"]
    emulator.clock.advance(29 * 86_400)
    assert http("GET", f"/v2/actor-runs/{run['id']}").status_code == 200
    emulator.clock.advance(2 * 86_400)
    assert error_of(http("GET", f"/v2/actor-runs/{run['id']}")) == (404, "record-not-found")
    assert error_of(http("GET", f"/v2/datasets/{run['defaultDatasetId']}/items")) == (404, "record-not-found")
    assert http("GET", f"/v2/datasets/{named}").status_code == 200


def test_restart_on_error(http: Http, emulator: Emulator) -> None:
    tries: list[int] = []

    @emulator.actor("emulator/flaky")
    def flaky(actor: ActorContext) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")

    run = http.data("POST", "/v2/actors/emulator~flaky/runs?restartOnError=1&waitForFinish=60")
    assert (run["status"], run["stats"]["restartCount"]) == ("SUCCEEDED", 2)


def test_resurrection_keeps_what_was_there(http: Http, emulator: Emulator) -> None:
    run = http.run(items=2, fail=1)
    revived = http.data("POST", f"/v2/actor-runs/{run['id']}/resurrect?timeout=30")
    assert (revived["id"], revived["status"], revived["finishedAt"]) == (run["id"], "RUNNING", None)
    ended = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    assert (ended["stats"]["resurrectCount"], ended["options"]["timeoutSecs"]) == (1, 30)
    assert len(http("GET", f"/v2/actor-runs/{run['id']}/dataset/items").json()) == 4
    running = http.data("POST", f"{ACTOR}/runs", json={"sleep": 1000})
    assert http("POST", f"/v2/actor-runs/{running['id']}/resurrect").status_code == 400
    assert error_of(http("POST", f"/v2/actor-runs/{run['id']}/reboot")) == (403, "job-finished")
    assert http("DELETE", f"/v2/actor-runs/{run['id']}").status_code == 204


def test_lists_show_little(http: Http, emulator: Emulator) -> None:
    http.run()
    item = http.data("GET", f"{ACTOR}/runs")["items"][0]
    assert item["meta"] == {"origin": "API"}
    assert not {"options", "stats", "statusMessage", "exitCode"} & set(item)
    emulator.switches.list_user_agent = True
    assert "userAgent" in http.data("GET", "/v2/actor-runs")["items"][0]["meta"]


def test_lists_are_filtered_and_paged(http: Http, emulator: Emulator) -> None:
    runs = []
    for _ in range(3):
        runs.append(http.run())
        emulator.clock.advance(60)
    http("POST", "/v2/actor-tasks/emulator~my-task/runs?waitForFinish=60")
    page = http.data("GET", "/v2/actor-runs?offset=1&limit=1&desc=1")
    assert [item["id"] for item in page["items"]] == [runs[2]["id"]]
    assert {name: page[name] for name in ("total", "offset", "limit", "count", "desc")} == {
        "total": 4,
        "offset": 1,
        "limit": 1,
        "count": 1,
        "desc": True,
    }
    middle = runs[1]["startedAt"]
    assert http.data("GET", f"{ACTOR}/runs?startedAfter={middle}&startedBefore={middle}")["total"] == 1
    task = "/v2/actor-tasks/emulator~my-task/runs"
    assert http.data("GET", f"{task}?startedAfter=2100-01-01T00:00:00Z")["total"] == 1
    emulator.switches.task_runs_by_time = True
    assert http.data("GET", f"{task}?startedAfter=2100-01-01T00:00:00Z")["total"] == 0
    assert http.data("GET", "/v2/actor-runs?status=FAILED,ABORTED")["total"] == 0
    assert error_of(http("GET", "/v2/actor-runs?status=DONE")) == (400, "invalid-value")
    assert http.data("GET", "/v2/actor-runs?limit=5000")["limit"] == 1000


def test_the_last_run(http: Http, emulator: Emulator) -> None:
    assert error_of(http("GET", f"{ACTOR}/runs/last")) == (404, "record-not-found")
    first = http.run()
    second = http.run(fail=1)
    assert http.data("GET", f"{ACTOR}/runs/last?waitForFinish=1")["id"] == second["id"]
    assert http.data("GET", f"{ACTOR}/runs/last?status=SUCCEEDED")["id"] == first["id"]
    assert len(http("GET", f"{ACTOR}/runs/last/dataset/items?status=SUCCEEDED").json()) == 3
    assert http("GET", f"{ACTOR}/runs/last/key-value-store/records/OUTPUT").json() == {"done": True}
    assert "crawling" in http("GET", f"{ACTOR}/runs/last/log").text
    assert http.data("GET", f"{ACTOR}/runs/last/request-queue")["totalRequestCount"] == 0
    assert error_of(http("GET", f"{ACTOR}/runs/last?origin=NOWHERE")) == (400, "invalid-value")
    assert http("POST", f"{ACTOR}/runs/last/abort").status_code == 200


def test_replicas_lag(http: Http, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    emulator.switches.replica_lag_seconds = 10
    run = http.data("POST", f"{ACTOR}/runs")
    assert error_of(http("GET", f"/v2/actor-runs/{run['id']}")) == (404, "record-not-found")
    assert http.data("GET", f"{ACTOR}/runs")["total"] == 0
    assert len(emulator.runs) == 1
    emulator.clock.advance(10)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["id"] == run["id"]
    assert http.data("GET", f"{ACTOR}/runs")["total"] == 1


def test_unknown_statuses_and_fields(http: Http, emulator: Emulator) -> None:
    emulator.switches.unknown_status = "MIGRATING"
    emulator.switches.unknown_fields = {"brandNew": [1]}
    run = http.data("POST", f"{ACTOR}/runs", json={"sleep": 1000})
    wait_for(http, run["id"], "MIGRATING")
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["brandNew"] == [1]
    http("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "ABORTED"


def test_capacity(http: Http, emulator: Emulator) -> None:
    emulator.user.max_memory_mbytes = 2048
    emulator.user.max_concurrent_runs = 2
    first = http.data("POST", f"{ACTOR}/runs?memory=128", json={"sleep": 1000})
    answer = http("POST", f"{ACTOR}/runs?memory=2048")
    assert error_of(answer) == (402, "actor-memory-limit-exceeded")
    assert "(currently used: 128MB, requested: 2048MB)" in answer.json()["error"]["message"]
    http("POST", f"{ACTOR}/runs?memory=128", json={"sleep": 1000})
    assert error_of(http("POST", f"{ACTOR}/runs?memory=128")) == (402, "concurrent-runs-limit-exceeded")
    assert http.data("GET", "/v2/users/me/limits")["current"]["activeActorJobCount"] == 2
    http("POST", f"/v2/actor-runs/{first['id']}/abort")
    http("GET", f"/v2/actor-runs/{first['id']}?waitForFinish=60")
    assert http("POST", f"{ACTOR}/runs?memory=128").status_code == 201
    assert len(emulator.runs) == 3


def test_charges(http: Http, emulator: Emulator) -> None:
    emulator.actor("emulator/paid", pay_per_event={"page": 0.5})(lambda actor: actor.charge("page", 3))
    run = http.run("emulator~paid")
    assert run["chargedEventCounts"] == {"page": 3}
    assert run["usageTotalUsd"] >= 1.5
    assert run["pricingInfo"]["pricingModel"] == "PAY_PER_EVENT"
    unpaid = http.run()
    answer = http("POST", f"/v2/actor-runs/{unpaid['id']}/charge", json={"eventName": "page", "count": 1})
    assert error_of(answer) == (400, "cannot-charge-non-pay-per-event-actor")


def test_logs(http: Http, emulator: Emulator) -> None:
    emulator.actor("emulator/colours")(lambda actor: actor.log("\x1b[31mred\x1b[0m\nsecond"))
    run = http.run("emulator~colours")
    for path in (f"/v2/logs/{run['id']}", f"/v2/actor-runs/{run['id']}/log"):
        lines = http("GET", path).text.splitlines()
        assert [line[25:] for line in lines[-2:]] == ["red", "second"]
        assert lines[-1][:25].endswith("Z ")
    assert "\x1b[31mred" in http("GET", f"/v2/logs/{run['id']}?raw=1").text
    assert "attachment" in http("GET", f"/v2/logs/{run['id']}?download=1").headers["Content-Disposition"]
    assert error_of(http("GET", "/v2/logs/nothing")) == (404, "record-not-found")


def test_a_log_stream_follows_the_run(http: Http, emulator: Emulator) -> None:
    step = threading.Event()

    @emulator.actor("emulator/talker")
    def talker(actor: ActorContext) -> None:
        actor.log("one")
        step.wait(30)
        actor.log("two")

    run = http.data("POST", "/v2/actors/emulator~talker/runs")
    wait_for(http, run["id"], "RUNNING")
    with http("GET", f"/v2/logs/{run['id']}?stream=1", stream=True) as answer:
        lines = answer.iter_lines(chunk_size=1)
        assert next(line for line in lines if line.endswith(b"one"))
        step.set()
        assert next(line for line in lines if line.endswith(b"two"))
        assert list(lines) == []


def test_a_log_stream_of_a_run_that_has_not_begun_is_empty(http: Http, emulator: Emulator) -> None:
    emulator.switches.ready_seconds = 1000
    run = http.data("POST", f"{ACTOR}/runs")
    assert http("GET", f"/v2/logs/{run['id']}?stream=1").content == b""


@pytest.mark.parametrize("resource", ["actors/emulator~crawler", "actor-tasks/emulator~my-task"])
def test_runs_in_one_request(http: Http, emulator: Emulator, resource: str) -> None:
    answer = http("POST", f"/v2/{resource}/run-sync", json={"items": 1})
    assert (answer.status_code, answer.json()) == (201, {"done": True})
    assert http("GET", f"/v2/{resource}/run-sync?outputRecordKey=NOTHING").content == b""
    items = http("POST", f"/v2/{resource}/run-sync-get-dataset-items?clean=1&limit=1", json={"items": 2})
    assert (items.status_code, items.json()) == (201, [{"n": 0}])
    assert items.headers["X-Apify-Pagination-Total"] == "2"
    failed = http("POST", f"/v2/{resource}/run-sync", json={"fail": 1})
    assert error_of(failed) == (400, "run-failed")
    assert f"(run ID: {emulator.runs[-1]['id']}, status: FAILED)" in failed.json()["error"]["message"]
    emulator.clock.speed = 10_000
    late = http("POST", f"/v2/{resource}/run-sync", json={"sleep": 10**9})
    assert error_of(late) == (408, "run-timeout-exceeded")
    assert emulator.runs[-1]["status"] == "RUNNING"


def test_ad_hoc_webhooks_belong_to_the_run(http: Http) -> None:
    webhooks = [
        {"eventTypes": ["ACTOR.RUN.FAILED"], "requestUrl": "http://127.0.0.1:9/x", "idempotencyKey": "k"}
    ]
    query = {"webhooks": b64encode(json.dumps(webhooks).encode()).decode()}
    run = http.data("POST", f"{ACTOR}/runs", params=query)
    listed = http.data("GET", "/v2/webhooks")["items"]
    assert [item["condition"] for item in listed] == [{"actorRunId": run["id"]}]
    assert listed[0]["isAdHoc"] is True
