"""
Fixtures for tests of DAGs.

Switch them on in ``conftest.py``: ``pytest_plugins = ["airflow_provider_apify.emulator.pytest_plugin"]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_apify.emulator.local_apify import Emulator
from airflow_provider_apify.emulator.server.http_server import Server


@pytest.fixture
def apify_emulator() -> Iterator[Emulator]:
    """Yield a fresh emulator."""
    emulator = Emulator()
    yield emulator
    emulator.close()


@pytest.fixture
def apify_server(apify_emulator: Emulator) -> Iterator[Server]:
    """Yield the emulator's running server; a connection needs its ``url`` and ``token``."""
    with apify_emulator.serve() as server:
        yield server


@pytest.fixture
def apify_connection(apify_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the connection ``apify_default`` at the emulator and return its id."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_APIFY_DEFAULT",
        f'{{"conn_type": "apify", "host": "{apify_server.url}", "password": "{apify_server.token}"}}',
    )
    return "apify_default"
