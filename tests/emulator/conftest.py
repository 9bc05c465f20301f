"""An emulator with one Actor and one task, its server, and clients for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from apify_client import ApifyClient

from airflow_provider_apify.emulator import Emulator, Server
from tests.emulator.crawler_actor import crawl
from tests.emulator.dataset_items import ITEMS
from tests.emulator.http_client import HttpClient


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


@pytest.fixture
def http(server: Server) -> Iterator[HttpClient]:
    http = HttpClient(server)
    with http.session:
        yield http


@pytest.fixture
def items_path(emulator: Emulator) -> str:
    """Path of the items of a dataset with ``ITEMS``."""
    return f"/v2/datasets/{emulator.create_dataset(ITEMS)}/items"
