"""Actors that are real programs, two of them built with Apify's own SDK."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient
from tests.support.waiting import wait_until

# Python puts the folder of a script first, where a folder `platform` would hide that of the standard library.
PROGRAMS = Path(__file__).parents[1] / "actor_programs"


def start(http: HttpClient, **input: object) -> dict[str, Any]:
    run: dict[str, Any] = http.data("POST", "/v2/actors/emulator~sdk/runs", json=input)
    return run


def end(http: HttpClient, run: dict[str, Any]) -> dict[str, Any]:
    ended: dict[str, Any] = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    return ended


def wait_for_record(http: HttpClient, run: dict[str, Any], key: str) -> None:
    path = f"/v2/actor-runs/{run['id']}/key-value-store/records/{key}"

    def is_there() -> bool:
        if http("GET", path).status_code == 200:
            return True
        assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=0.1")["status"] == "RUNNING"
        return False

    # As long as `end` waits: the program first imports all of the SDK.
    wait_until(is_there, 60)


@pytest.fixture(autouse=True)
def sdk_actor(emulator: Emulator) -> None:
    emulator.add_actor(
        "emulator/sdk",
        command=["python", str(PROGRAMS / "sdk_actor.py")],
        pay_per_event={"page": 0.01},
        default_memory_mbytes=256,
    )


def test_an_actor_built_with_apifys_sdk_runs_unchanged(http: HttpClient, emulator: Emulator) -> None:
    run = start(http)
    ended = end(http, run)
    log = http("GET", f"/v2/logs/{run['id']}").text
    assert (ended["status"], ended["exitCode"], ended["statusMessage"]) == ("SUCCEEDED", 0, "All done"), log
    assert ended["chargedEventCounts"] == {"page": 5}
    items = http("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json()
    assert items == [{"n": number} for number in range(1000)]
    output = http("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/OUTPUT").json()
    assert output == {"env": run["id"]}
    assert http.data("GET", f"/v2/actor-runs/{run['id']}/request-queue")["handledRequestCount"] == 3
    assert "Input: {}" in log
    assert [request.path for request in emulator.requests if (request.status or 0) >= 400] == []


def test_exit_code_and_status_message_end_the_run(http: HttpClient) -> None:
    ended = end(http, start(http, fail=7))
    assert (ended["status"], ended["exitCode"], ended["statusMessage"]) == ("FAILED", 7, "As asked")


def test_a_process_hears_of_a_graceful_abort(http: HttpClient) -> None:
    run = start(http, wait="politely")
    wait_for_record(http, run, "LISTENING")
    assert http.data("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=1")["status"] == "ABORTING"
    assert end(http, run)["status"] == "ABORTED"
    saved = http("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/SAVED").json()
    assert saved == {"heard": "aborting"}


def test_a_process_that_ignores_a_graceful_abort_is_killed(http: HttpClient, emulator: Emulator) -> None:
    run = start(http, wait="stubbornly")
    wait_for_record(http, run, "LISTENING")
    http("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=1")
    emulator.clock.advance(30)
    assert end(http, run)["status"] == "ABORTED"


def test_a_process_above_its_memory_is_killed(http: HttpClient) -> None:
    ended = end(http, start(http, hoard=400))
    assert (ended["status"], ended["exitCode"]) == ("FAILED", 137)
    assert "memory" in ended["statusMessage"]
    assert ended["stats"]["memMaxBytes"] > 256 << 20


def test_an_actor_built_with_crawlee_crawls(http: HttpClient, emulator: Emulator) -> None:
    emulator.add_actor("emulator/crawlee", command=["python", str(PROGRAMS / "crawlee_actor.py")])
    page = f"{http.url}/v2/users/emulator"
    run = http.run("emulator~crawlee", url=page)
    assert run["status"] == "SUCCEEDED", http("GET", f"/v2/logs/{run['id']}").text
    items = http("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json()
    assert {item["url"] for item in items} == {page, *(f"{page}?page={number}" for number in range(5))}


def test_any_program_is_killed_with_its_children_at_its_timeout(
    http: HttpClient, emulator: Emulator, tmp_path: Path
) -> None:
    script = tmp_path / "actor.sh"
    script.write_text('echo "$ACTOR_FULL_NAME $MINE"; sleep 1000 & echo $! > child; wait')
    emulator.add_actor("emulator/shell", command=["sh", str(script)], cwd=str(tmp_path), env={"MINE": "yes"})
    run = http.data("POST", "/v2/actors/emulator~shell/runs?timeout=100")
    child = tmp_path / "child"
    wait_until(lambda: child.exists() and child.read_text())
    wait_until(lambda: "emulator/shell yes" in http("GET", f"/v2/logs/{run['id']}").text)
    emulator.clock.advance(100)
    assert end(http, run)["status"] == "TIMED-OUT"
    wait_until(lambda: not alive(int(child.read_text())))


def test_a_program_that_does_not_exist_fails_the_run(http: HttpClient, emulator: Emulator) -> None:
    emulator.add_actor("emulator/nothing", command=["/no/such/program"])
    ended = http.run("emulator~nothing")
    assert (ended["status"], ended["exitCode"]) == ("FAILED", 1)


def test_the_token_of_a_run_reads_only_the_public_part_of_the_account(
    http: HttpClient, emulator: Emulator
) -> None:
    code = (
        "import os, urllib.request as u;"
        "r = u.Request(os.environ['APIFY_API_BASE_URL'] + '/v2/users/me',"
        " headers={'Authorization': 'Bearer ' + os.environ['APIFY_TOKEN']});"
        "print('ME', u.urlopen(r).read().decode())"
    )
    emulator.add_actor("emulator/curious", command=[sys.executable, "-c", code])
    run = http.run("emulator~curious")
    log = http("GET", f"/v2/logs/{run['id']}").text
    assert '"username":"emulator"' in log
    assert "email" not in log


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
