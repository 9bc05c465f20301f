from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient, error_of


def test_storages_are_found_by_their_names_and_names_are_unique(http: HttpClient, emulator: Emulator) -> None:
    first = http("POST", "/v2/datasets?name=Results")
    again = http("POST", "/v2/datasets?name=results")
    assert (first.status_code, again.status_code) == (201, 200)
    created: dict[str, Any] = first.json()["data"]
    assert again.json()["data"]["id"] == created["id"]
    for name in ("~results", "emulator~results", f"{emulator.user.id}~results"):
        assert http.data("GET", f"/v2/datasets/{name}")["id"] == created["id"]
    assert error_of(http("GET", "/v2/datasets/results")) == (404, "record-not-found")
    assert error_of(http("POST", "/v2/datasets?name=not%20a%20name")) == (400, "invalid-value")
    unnamed = http.data("POST", "/v2/datasets")
    assert unnamed["name"] is None
    taken = http("PUT", f"/v2/datasets/{unnamed['id']}", json={"name": "results"})
    assert error_of(taken) == (409, "name-not-unique")
    assert http.data("GET", "/v2/datasets")["total"] == 1
    assert http.data("GET", "/v2/datasets?unnamed=1")["total"] == 2
    assert error_of(http("DELETE", "/v2/datasets/nothing")) == (404, "record-not-found")
