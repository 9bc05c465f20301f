"""The command, the paths under ``/__emulator__``, kept state, and the fixtures for users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from airflow_provider_apify.emulator import Emulator, Server
from tests.emulator.conftest import Http, error_of

pytest_plugins = ["pytester"]

ACTORS = """
@emulator.actor("emulator/counter")
def counter(actor):
    actor.push_data([{"n": n} for n in range(3)])
    if actor.input:
        actor.sleep(1000)

emulator.add_task("emulator/counting", actor="emulator/counter")
"""


class Command:
    """The emulator as a process."""

    def __init__(self, line: str) -> None:
        self.url, self.token = line.split()[3].rstrip(","), line.split()[-1]

    def __call__(self, method: str, path: str, **options: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **options)  # type: ignore[arg-type]


@contextmanager
def command(*arguments: str) -> Iterator[Command]:
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_apify.emulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield Command(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()


def test_the_command_keeps_its_state(tmp_path: Path) -> None:
    (tmp_path / "actors.py").write_text(ACTORS)
    options = (
        "--actors",
        str(tmp_path / "actors.py"),
        "--token",
        "secret",
        "--state",
        str(tmp_path / "state"),
    )
    with command(*options) as first:
        assert first.token == "secret"
        run = first("POST", "/v2/actors/emulator~counter/runs?waitForFinish=60").json()["data"]
        going = first("POST", "/v2/actor-tasks/emulator~counting/runs", json={"a": 1}).json()["data"]
        first("PUT", f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/kept", data=b"\x00")
    with command(*options) as second:
        again = second("GET", f"/v2/actor-runs/{run['id']}").json()["data"]
        assert {**again, "stats": None} == {**run, "stats": None} | {
            name: again[name] for name in ("usage", "containerUrl")
        }
        assert second("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json() == [
            {"n": n} for n in range(3)
        ]
        assert (
            second("GET", f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/kept").content
            == b"\x00"
        )
        assert "Starting" in second("GET", f"/v2/logs/{run['id']}").text
        assert second("GET", f"/v2/actor-runs/{going['id']}").json()["data"]["status"] == "ABORTED"
        assert second("GET", "/v2/actor-runs").json()["data"]["total"] == 2


def test_a_taken_port_is_an_error(server: Server) -> None:
    with pytest.raises(OSError, match="in use"), Emulator().serve(server.port):
        pass


def test_a_server_can_go_and_come_back(emulator: Emulator) -> None:
    with emulator.serve() as server:
        port, http = server.port, Http(server)
        run = http.data("POST", "/v2/actors/emulator~crawler/runs", json={"sleep": 60})
    with pytest.raises(requests.ConnectionError):
        http("GET", "/v2/users/me")
    emulator.clock.advance(60)
    with emulator.serve(port):
        assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "SUCCEEDED"
    http.session.close()


def test_faults_over_http(http: Http) -> None:
    root = "/__emulator__/faults"
    added = http("POST", root, json={"action": "answer", "path": "/v2/users/*", "status": 503, "calls": [1]})
    assert added.status_code == 201
    assert http("GET", "/v2/users/me").status_code == 503
    assert http("GET", "/v2/users/me").status_code == 200
    assert [(fault["matched"], fault["fired"]) for fault in http("GET", root).json()] == [(2, 1)]
    assert http("DELETE", root).status_code == 204
    assert http("GET", root).json() == []
    assert error_of(http("POST", root, json={"nonsense": 1})) == (400, "invalid-request")


def test_switches_over_http(http: Http, emulator: Emulator) -> None:
    root = "/__emulator__/switches"
    assert http("GET", root).json()["list_user_agent"] is False
    assert (
        http("PUT", root, json={"list_user_agent": True, "stale_total": "zero"}).json()["stale_total"]
        == "zero"
    )
    assert emulator.switches.list_user_agent is True
    for nonsense in ({"nonsense": 1}, {"stale_total": "perhaps"}):
        assert error_of(http("PUT", root, json=nonsense)) == (400, "invalid-request")
    with pytest.raises(AttributeError):
        emulator.switches.list_useragent = True  # type: ignore[attr-defined]


def test_the_clock_over_http(http: Http, emulator: Emulator) -> None:
    root = "/__emulator__/clock"
    before = http("GET", root).json()["time"]
    after = http("PUT", root, json={"advance": 3600, "speed": 0}).json()
    assert after["time"] >= before + 3600
    assert emulator.clock.speed == 0
    assert error_of(http("PUT", root, json={"speed": -1})) == (400, "invalid-request")


def test_what_happened_over_http(http: Http) -> None:
    run = http.run()
    http("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert [item["id"] for item in http("GET", "/__emulator__/runs").json()] == [run["id"]]
    assert http("GET", "/__emulator__/aborts").json() == [{"runId": run["id"], "effective": False}]
    asked = http("GET", "/__emulator__/requests").json()
    assert [(request["method"], request["status"]) for request in asked] == [("POST", 201), ("POST", 200)]
    http("DELETE", "/__emulator__/requests")
    assert http("GET", "/__emulator__/requests").json() == []


def test_fixtures_for_users(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["airflow_provider_apify.emulator.pytest_plugin"]')
    pytester.makepyfile(
        """
        import json, os, urllib.request

        def test_a_connection(apify_emulator, apify_connection):
            assert apify_connection == "apify_default"
            connection = json.loads(os.environ["AIRFLOW_CONN_APIFY_DEFAULT"])
            headers = {"Authorization": "Bearer " + connection["password"]}
            request = urllib.request.Request(connection["host"] + "/v2/users/me", headers=headers)
            assert json.load(urllib.request.urlopen(request))["data"]["username"] == "emulator"
            assert len(apify_emulator.requests) == 1
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(pytester.path)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=pytester.path,
    )
    assert done.returncode == 0, done.stdout
