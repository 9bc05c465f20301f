from __future__ import annotations

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient, error_of


def test_faults_are_set_and_removed_over_http(http: HttpClient) -> None:
    root = "/__emulator__/faults"
    added = http("POST", root, json={"action": "answer", "path": "/v2/users/*", "status": 503, "calls": [1]})
    assert added.status_code == 201
    assert http("GET", "/v2/users/me").status_code == 503
    assert http("GET", "/v2/users/me").status_code == 200
    assert [(fault["matched"], fault["fired"]) for fault in http("GET", root).json()] == [(2, 1)]
    assert http("DELETE", root).status_code == 204
    assert http("GET", root).json() == []
    assert error_of(http("POST", root, json={"nonsense": 1})) == (400, "invalid-request")


def test_switches_are_set_over_http(http: HttpClient, emulator: Emulator) -> None:
    root = "/__emulator__/switches"
    assert http("GET", root).json()["list_user_agent"] is False
    assert (
        http("PUT", root, json={"list_user_agent": True, "stale_total": "zero"}).json()["stale_total"]
        == "zero"
    )
    assert emulator.switches.list_user_agent is True
    for nonsense in ({"nonsense": 1}, {"stale_total": "perhaps"}):
        assert error_of(http("PUT", root, json=nonsense)) == (400, "invalid-request")
    with pytest.raises(AttributeError):
        emulator.switches.list_useragent = True  # type: ignore[attr-defined]


def test_the_clock_is_set_over_http(http: HttpClient, emulator: Emulator) -> None:
    root = "/__emulator__/clock"
    before = http("GET", root).json()["time"]
    after = http("PUT", root, json={"advance": 3600, "speed": 0}).json()
    assert after["time"] >= before + 3600
    assert emulator.clock.speed == 0
    assert error_of(http("PUT", root, json={"speed": -1})) == (400, "invalid-request")


def test_runs_aborts_and_requests_are_told_over_http(http: HttpClient) -> None:
    run = http.run()
    http("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert [item["id"] for item in http("GET", "/__emulator__/runs").json()] == [run["id"]]
    assert http("GET", "/__emulator__/aborts").json() == [{"runId": run["id"], "effective": False}]
    asked = http("GET", "/__emulator__/requests").json()
    assert [(request["method"], request["status"]) for request in asked] == [("POST", 201), ("POST", 200)]
    http("DELETE", "/__emulator__/requests")
    assert http("GET", "/__emulator__/requests").json() == []
