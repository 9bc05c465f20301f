from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from apify_client import ApifyClient

from airflow_provider_apify.emulator import ActorContext, Emulator, Server


def crawl(actor: ActorContext) -> None:
    """The Actor of most tests: does what its input says."""
    wanted: dict[str, Any] = actor.input or {}
    actor.log("crawling")
    actor.push_data([{"n": number, "#hidden": True} for number in range(wanted.get("items", 3))])
    actor.set_value("OUTPUT", {"done": True})
    actor.set_status_message("Crawled")
    if "sleep" in wanted:
        actor.sleep(wanted["sleep"])
    if "charge" in wanted:
        actor.charge("page", wanted["charge"])
    if "fail" in wanted:
        actor.fail("Nothing to crawl", exit_code=wanted["fail"])
    if "crash" in wanted:
        raise ValueError(wanted["crash"])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator()
    emulator.actor("emulator/crawler")(crawl)
    emulator.add_task(
        "emulator/my-task", actor="emulator/crawler", input={"items": 2}, options={"memoryMbytes": 256}
    )
    yield emulator
    emulator.close()


@pytest.fixture
def server(emulator: Emulator) -> Iterator[Server]:
    with emulator.serve() as server:
        yield server


@pytest.fixture
def client(server: Server) -> ApifyClient:
    brief = timedelta(milliseconds=1)
    return ApifyClient(
        server.token, api_url=server.url, api_public_url=server.url, min_delay_between_retries=brief
    )


class Http:
    """Plain HTTP with the emulator's token."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.token}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=30, **options)

    def data(self, method: str, path: str, **options: Any) -> Any:
        answer = self(method, path, **options)
        answer.raise_for_status()
        return answer.json()["data"]

    def run(self, actor: str = "emulator~crawler", **input: Any) -> dict[str, Any]:
        """Start a run and wait for its end."""
        return self.data("POST", f"/v2/actors/{actor}/runs?waitForFinish=60", json=input)


@pytest.fixture
def http(server: Server) -> Iterator[Http]:
    http = Http(server)
    with http.session:
        yield http


def error_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["type"]
