"""Actors that are real programs, one of them built with Apify's own SDK."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.conftest import Http

SDK_ACTOR = Path(__file__).parent / "sdk_actor.py"


def start(http: Http, **input: object) -> dict:
    return http.data("POST", "/v2/actors/emulator~sdk/runs", json=input)


def end(http: Http, run: dict) -> dict:
    return http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")


def wait_for_record(http: Http, run: dict, key: str) -> None:
    path = f"/v2/actor-runs/{run['id']}/key-value-store/records/{key}"
    while http("GET", path).status_code != 200:
        assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=0.1")["status"] == "RUNNING"


@pytest.fixture(autouse=True)
def sdk(emulator: Emulator) -> None:
    emulator.add_actor(
        "emulator/sdk",
        command=["python", str(SDK_ACTOR)],
        pay_per_event={"page": 0.01},
        default_memory_mbytes=256,
    )


def test_an_actor_of_apifys_sdk(http: Http, emulator: Emulator) -> None:
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


def test_it_fails_on_demand(http: Http) -> None:
    ended = end(http, start(http, fail=7))
    assert (ended["status"], ended["exitCode"], ended["statusMessage"]) == ("FAILED", 7, "As asked")


def test_it_hears_of_a_graceful_abort(http: Http) -> None:
    run = start(http, wait="politely")
    wait_for_record(http, run, "LISTENING")
    assert http.data("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=1")["status"] == "ABORTING"
    assert end(http, run)["status"] == "ABORTED"
    saved = http("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/SAVED").json()
    assert saved == {"heard": "aborting"}


def test_it_is_stopped_when_it_does_not_care(http: Http, emulator: Emulator) -> None:
    run = start(http, wait="stubbornly")
    wait_for_record(http, run, "LISTENING")
    http("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=1")
    emulator.clock.advance(30)
    assert end(http, run)["status"] == "ABORTED"


def test_it_is_killed_above_its_memory(http: Http) -> None:
    ended = end(http, start(http, hoard=400))
    assert (ended["status"], ended["exitCode"]) == ("FAILED", 137)
    assert "memory" in ended["statusMessage"]
    assert ended["stats"]["memMaxBytes"] > 256 << 20


def test_an_actor_that_crawls_with_crawlee(http: Http, emulator: Emulator) -> None:
    emulator.add_actor("emulator/crawlee", command=["python", str(SDK_ACTOR.with_name("crawlee_actor.py"))])
    page = f"{http.url}/v2/users/emulator"
    run = http.run("emulator~crawlee", url=page)
    assert run["status"] == "SUCCEEDED", http("GET", f"/v2/logs/{run['id']}").text
    items = http("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json()
    assert {item["url"] for item in items} == {page, *(f"{page}?page={number}" for number in range(5))}


def test_any_program(http: Http, emulator: Emulator, tmp_path: Path) -> None:
    script = tmp_path / "actor.sh"
    script.write_text('echo "$ACTOR_FULL_NAME $MINE"; sleep 1000 & echo $! > child; wait')
    emulator.add_actor("emulator/shell", command=["sh", str(script)], cwd=str(tmp_path), env={"MINE": "yes"})
    run = http.data("POST", "/v2/actors/emulator~shell/runs?timeout=100")
    child = tmp_path / "child"
    while not child.exists() or not child.read_text():
        pass
    while "emulator/shell yes" not in http("GET", f"/v2/logs/{run['id']}").text:
        pass
    emulator.clock.advance(100)
    assert end(http, run)["status"] == "TIMED-OUT"
    while alive(int(child.read_text())):
        pass


def test_a_program_that_does_not_exist(http: Http, emulator: Emulator) -> None:
    emulator.add_actor("emulator/nothing", command=["/no/such/program"])
    ended = http.run("emulator~nothing")
    assert (ended["status"], ended["exitCode"]) == ("FAILED", 1)


def test_inside_a_run_the_user_is_told_less(http: Http, emulator: Emulator) -> None:
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
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
