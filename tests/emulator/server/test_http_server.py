from __future__ import annotations

import pytest
import requests

from airflow_provider_apify.emulator import Emulator, Server
from tests.emulator.http_client import HttpClient


def test_a_taken_port_is_an_error(server: Server) -> None:
    with pytest.raises(OSError, match="in use"), Emulator().serve(server.port):
        pass


def test_a_server_can_stop_and_another_one_continue(emulator: Emulator) -> None:
    with emulator.serve() as server:
        port, http = server.port, HttpClient(server)
        run = http.data("POST", "/v2/actors/emulator~crawler/runs", json={"sleep": 60})
    with pytest.raises(requests.ConnectionError):
        http("GET", "/v2/users/me")
    emulator.clock.advance(60)
    with emulator.serve(port):
        assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "SUCCEEDED"
    http.session.close()
