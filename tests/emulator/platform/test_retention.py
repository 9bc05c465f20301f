from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient, error_of


def test_runs_and_unnamed_storages_expire(http: HttpClient, emulator: Emulator) -> None:
    run = http.run()
    named = http.data("POST", "/v2/datasets?name=kept")["id"]
    emulator.clock.advance(29 * 86_400)
    assert http("GET", f"/v2/actor-runs/{run['id']}").status_code == 200
    emulator.clock.advance(2 * 86_400)
    assert error_of(http("GET", f"/v2/actor-runs/{run['id']}")) == (404, "record-not-found")
    assert error_of(http("GET", f"/v2/datasets/{run['defaultDatasetId']}/items")) == (404, "record-not-found")
    assert http("GET", f"/v2/datasets/{named}").status_code == 200
