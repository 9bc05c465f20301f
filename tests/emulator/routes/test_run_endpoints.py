from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_lists_of_runs_show_fewer_fields(http: HttpClient, emulator: Emulator) -> None:
    http.run()
    item = http.data("GET", CRAWLER_RUNS)["items"][0]
    assert item["meta"] == {"origin": "API"}
    assert not {"options", "stats", "statusMessage", "exitCode"} & set(item)
    emulator.switches.list_user_agent = True
    assert "userAgent" in http.data("GET", "/v2/actor-runs")["items"][0]["meta"]


def test_lists_of_runs_are_filtered_and_paged(http: HttpClient, emulator: Emulator) -> None:
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
    assert http.data("GET", f"{CRAWLER_RUNS}?startedAfter={middle}&startedBefore={middle}")["total"] == 1
    task = "/v2/actor-tasks/emulator~my-task/runs"
    assert http.data("GET", f"{task}?startedAfter=2100-01-01T00:00:00Z")["total"] == 1
    emulator.switches.task_runs_by_time = True
    assert http.data("GET", f"{task}?startedAfter=2100-01-01T00:00:00Z")["total"] == 0
    assert http.data("GET", "/v2/actor-runs?status=FAILED,ABORTED")["total"] == 0
    assert error_of(http("GET", "/v2/actor-runs?status=DONE")) == (400, "invalid-value")
    assert http.data("GET", "/v2/actor-runs?limit=5000")["limit"] == 1000


def test_the_last_run_is_found_by_status_and_origin(http: HttpClient) -> None:
    assert error_of(http("GET", f"{CRAWLER_RUNS}/last")) == (404, "record-not-found")
    first = http.run()
    second = http.run(fail=1)
    assert http.data("GET", f"{CRAWLER_RUNS}/last?waitForFinish=1")["id"] == second["id"]
    assert http.data("GET", f"{CRAWLER_RUNS}/last?status=SUCCEEDED")["id"] == first["id"]
    assert len(http("GET", f"{CRAWLER_RUNS}/last/dataset/items?status=SUCCEEDED").json()) == 3
    assert http("GET", f"{CRAWLER_RUNS}/last/key-value-store/records/OUTPUT").json() == {"done": True}
    assert "crawling" in http("GET", f"{CRAWLER_RUNS}/last/log").text
    assert http.data("GET", f"{CRAWLER_RUNS}/last/request-queue")["totalRequestCount"] == 0
    assert error_of(http("GET", f"{CRAWLER_RUNS}/last?origin=NOWHERE")) == (400, "invalid-value")
    assert http("POST", f"{CRAWLER_RUNS}/last/abort").status_code == 200
