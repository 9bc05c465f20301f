from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_runs_above_a_limit_of_the_account_are_refused(http: HttpClient, emulator: Emulator) -> None:
    emulator.user.max_memory_mbytes = 2048
    emulator.user.max_concurrent_runs = 2
    first = http.data("POST", f"{CRAWLER_RUNS}?memory=128", json={"sleep": 1000})
    answer = http("POST", f"{CRAWLER_RUNS}?memory=2048")
    assert error_of(answer) == (402, "actor-memory-limit-exceeded")
    assert "(currently used: 128MB, requested: 2048MB)" in answer.json()["error"]["message"]
    http("POST", f"{CRAWLER_RUNS}?memory=128", json={"sleep": 1000})
    assert error_of(http("POST", f"{CRAWLER_RUNS}?memory=128")) == (402, "concurrent-runs-limit-exceeded")
    assert http.data("GET", "/v2/users/me/limits")["current"]["activeActorJobCount"] == 2
    http("POST", f"/v2/actor-runs/{first['id']}/abort")
    http("GET", f"/v2/actor-runs/{first['id']}?waitForFinish=60")
    assert http("POST", f"{CRAWLER_RUNS}?memory=128").status_code == 201
    assert len(emulator.runs) == 3
