"""Plain HTTP with the token of the emulator's default user."""

from __future__ import annotations

from typing import Any

import requests

from airflow_provider_apify.emulator import Server
from tests.support.waiting import wait_until


class HttpClient:
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
        run: dict[str, Any] = self.data("POST", f"/v2/actors/{actor}/runs?waitForFinish=60", json=input)
        return run

    def wait_for_status(self, run_id: str, status: str) -> None:
        wait_until(lambda: self.data("GET", f"/v2/actor-runs/{run_id}")["status"] == status)


def error_of(answer: requests.Response) -> tuple[int, str]:
    """Return the HTTP status and Apify's error type of a response."""
    return answer.status_code, answer.json()["error"]["type"]
