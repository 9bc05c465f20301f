from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.emulator.server import rate_limits
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_rate_limits_are_always_told_and_enforced_by_a_switch(
    http: HttpClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http("GET", "/v2/users/me").headers["X-RateLimit-Limit"] == "60"
    assert http("POST", CRAWLER_RUNS).headers["X-RateLimit-Limit"] == "400"
    store = emulator.create_key_value_store({"a": 1})
    assert http("GET", f"/v2/key-value-stores/{store}/records/a").headers["X-RateLimit-Limit"] == "200"
    # However slow the machine is, the requests come within one second.
    monkeypatch.setattr(rate_limits, "time", SimpleNamespace(monotonic=lambda: 0.0))
    emulator.switches.rate_limits = True
    answers = [http("GET", "/v2/users/me") for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert error_of(answers[-1]) == (429, "rate-limit-exceeded")
