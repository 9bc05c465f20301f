from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient


def test_a_long_poll_ends_after_sixty_seconds_at_most(http: HttpClient, emulator: Emulator) -> None:
    emulator.clock.speed = 1000
    run = http.data("POST", CRAWLER_RUNS, json={"sleep": 10**9})
    before = emulator.clock.time()
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=999999")["status"] == "RUNNING"
    assert emulator.clock.time() - before >= 60


def test_a_long_poll_ends_with_the_run(http: HttpClient, emulator: Emulator) -> None:
    emulator.clock.speed = 100
    before = emulator.clock.time()
    run = http.data("POST", f"{CRAWLER_RUNS}?waitForFinish=60", json={"sleep": 20})
    assert run["status"] == "SUCCEEDED"
    assert 20 <= emulator.clock.time() - before < 60
