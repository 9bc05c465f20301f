from __future__ import annotations

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient, error_of


@pytest.mark.parametrize("resource", ["actors/emulator~crawler", "actor-tasks/emulator~my-task"])
def test_one_request_starts_a_run_waits_for_it_and_answers_with_its_result(
    http: HttpClient, emulator: Emulator, resource: str
) -> None:
    answer = http("POST", f"/v2/{resource}/run-sync", json={"items": 1})
    assert (answer.status_code, answer.json()) == (201, {"done": True})
    assert http("GET", f"/v2/{resource}/run-sync?outputRecordKey=NOTHING").content == b""
    items = http("POST", f"/v2/{resource}/run-sync-get-dataset-items?clean=1&limit=1", json={"items": 2})
    assert (items.status_code, items.json()) == (201, [{"n": 0}])
    assert items.headers["X-Apify-Pagination-Total"] == "2"
    failed = http("POST", f"/v2/{resource}/run-sync", json={"fail": 1})
    assert error_of(failed) == (400, "run-failed")
    assert f"(run ID: {emulator.runs[-1]['id']}, status: FAILED)" in failed.json()["error"]["message"]
    emulator.clock.speed = 10_000
    late = http("POST", f"/v2/{resource}/run-sync", json={"sleep": 10**9})
    assert error_of(late) == (408, "run-timeout-exceeded")
    assert emulator.runs[-1]["status"] == "RUNNING"
