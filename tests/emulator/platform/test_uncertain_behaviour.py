from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_a_new_run_is_unknown_while_replicas_lag(http: HttpClient, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    emulator.switches.replica_lag_seconds = 10
    run = http.data("POST", CRAWLER_RUNS)
    assert error_of(http("GET", f"/v2/actor-runs/{run['id']}")) == (404, "record-not-found")
    assert http.data("GET", CRAWLER_RUNS)["total"] == 0
    assert len(emulator.runs) == 1
    emulator.clock.advance(10)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["id"] == run["id"]
    assert http.data("GET", CRAWLER_RUNS)["total"] == 1


def test_runs_show_unknown_statuses_and_fields(http: HttpClient, emulator: Emulator) -> None:
    emulator.switches.unknown_status = "MIGRATING"
    emulator.switches.unknown_fields = {"brandNew": [1]}
    run = http.data("POST", CRAWLER_RUNS, json={"sleep": 1000})
    http.wait_for_status(run["id"], "MIGRATING")
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["brandNew"] == [1]
    http("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "ABORTED"
