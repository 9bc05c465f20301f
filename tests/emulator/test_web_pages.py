"""Pages in a developer's browser cannot use the emulator, which starts programs and calls addresses."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_provider_apify.emulator import DEFAULT_TOKEN
from tests.emulator.command import Command, run_command
from tests.support.waiting import wait_until

ACTORS = """
emulator.add_actor("emulator/env", command=["env"], env={"MINE": "yes"})
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    actors = tmp_path_factory.mktemp("actors") / "actors.py"
    actors.write_text(ACTORS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
        patch.setenv("APIFY_TOKEN", "canary")
        with run_command("--actors", str(actors)) as command:
            yield command


START = "/v2/acts/emulator~env/runs?method=POST"
FAULTS = "/__emulator__/faults"


def runs(command: Command) -> int:
    return len(command("GET", "/__emulator__/runs").json())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.rebound.example:8010"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "https://page.example"},
        {"Origin": "https://localhost.page.example"},
        {"Origin": "null"},
        # An image: it has no `Origin`.
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_a_foreign_page_starts_nothing_and_sets_nothing(command: Command, headers: dict[str, str]) -> None:
    before = runs(command)
    answer = command("GET", START, more=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "foreign-request")
    plain = headers | {"Content-Type": "text/plain"}
    assert command("POST", FAULTS, more=plain, data='{"action": "refuse"}').status_code == 403
    assert command("GET", FAULTS).json() == []
    assert runs(command) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8010"},
        {"Host": "[::1]:8010"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_this_machine_is_answered(command: Command, headers: dict[str, str]) -> None:
    assert command("GET", "/v2/users/me", more=headers).status_code == 200


def test_what_an_actor_stored_acts_as_no_page_of_the_emulator(command: Command) -> None:
    answer = command("GET", "/v2/users/me")
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_token_is_random_and_the_connection_ready_to_copy(command: Command) -> None:
    with run_command() as other:
        assert other.token != command.token
    assert requests.get(f"{command.url}/v2/users/me?token={DEFAULT_TOKEN}", timeout=30).status_code == 401
    name, _, value = command.export.partition("=")
    assert name == "export AIRFLOW_CONN_APIFY_DEFAULT"
    (connection,) = shlex.split(value)
    assert json.loads(connection) == {"conn_type": "apify", "host": command.url, "password": command.token}


def test_a_program_gets_no_more_of_the_environment_than_it_needs(command: Command) -> None:
    run = command("POST", f"{START}&waitForFinish=30").json()["data"]
    log = command("GET", f"/v2/logs/{run['id']}").text
    lines = [line.partition(" ")[2] for line in log.splitlines()]
    assert f"PATH={os.environ['PATH']}" in lines
    assert "MINE=yes" in lines
    assert "canary" not in log


@pytest.mark.parametrize("host", ["192.0.2.1", "localhost.example", "0.0.0.0"])
def test_a_webhook_calls_no_other_machine(command: Command, host: str) -> None:
    webhook = {
        "eventTypes": ["TEST"],
        "requestUrl": f"http://{host}/",
        "condition": {"actorId": "x"},
        "doNotRetry": True,
    }
    made = command("POST", "/v2/webhooks", json=webhook).json()["data"]
    sent = command("POST", f"/v2/webhooks/{made['id']}/test").json()["data"]

    def ended() -> Any:
        dispatch = command("GET", f"/v2/webhook-dispatches/{sent['id']}").json()["data"]
        return dispatch if dispatch["status"] != "ACTIVE" else None

    dispatch = wait_until(ended)
    assert dispatch["status"] == "FAILED"
    assert "on this machine alone" in dispatch["calls"][0]["errorMessage"]
