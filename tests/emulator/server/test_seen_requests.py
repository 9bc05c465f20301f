from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient


def test_a_seen_request_tells_what_was_sent_and_answered(http: HttpClient, emulator: Emulator) -> None:
    http("GET", "/v2/users/me?token=x&a=1", headers={"X-Mine": "1"})
    seen = emulator.requests[-1]
    assert (seen.method, seen.path, seen.query["a"], seen.headers["X-Mine"]) == (
        "GET",
        "/v2/users/me",
        "1",
        "1",
    )
    assert seen.status == 200
    assert seen.bytes_sent > 100
    assert abs(seen.time - emulator.clock.time()) < 60
