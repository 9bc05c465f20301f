from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER
from tests.emulator.http_client import HttpClient, error_of

START = f"{CRAWLER}/runs"


def test_rate_limits_are_always_told_and_enforced_by_a_switch(http: HttpClient, emulator: Emulator) -> None:
    assert http("GET", "/v2/users/me").headers["X-RateLimit-Limit"] == "60"
    assert http("POST", START).headers["X-RateLimit-Limit"] == "400"
    store = emulator.create_key_value_store({"a": 1})
    assert http("GET", f"/v2/key-value-stores/{store}/records/a").headers["X-RateLimit-Limit"] == "200"
    emulator.switches.rate_limits = True
    answers = [http("GET", "/v2/users/me") for _ in range(150)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert error_of(refused[0]) == (429, "rate-limit-exceeded")
