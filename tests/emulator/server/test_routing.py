from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER, CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_an_actor_is_found_under_both_paths_and_all_its_names(http: HttpClient) -> None:
    actor = http.data("GET", CRAWLER)
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


def test_the_http_method_may_be_given_as_a_parameter(http: HttpClient, emulator: Emulator) -> None:
    assert http("GET", f"{CRAWLER_RUNS}?method=POST").status_code == 201
    assert len(emulator.runs) == 1
