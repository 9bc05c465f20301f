"""The order of the emulator's rooms: each may import only those below it, and no files import each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_apify import emulator
from tests.support.imports import Imports, find_circle, read_imports, wrong_arrows

PACKAGE = "airflow_provider_apify.emulator"
ROOMS = {
    f"{PACKAGE}.platform.*": "platform",
    f"{PACKAGE}.server.*": "server",
    f"{PACKAGE}.routes.*": "routes",
    f"{PACKAGE}.local_apify": "assembly",
    PACKAGE: "assembly",
    f"{PACKAGE}.__main__": "ways in",
    f"{PACKAGE}.pytest_plugin": "ways in",
}
ALLOWED: dict[str, set[str]] = {
    "platform": set(),
    "server": {"platform"},
    "routes": {"platform", "server"},
    "assembly": {"platform", "server", "routes"},
    "ways in": {"platform", "server", "assembly"},
}


@pytest.fixture(scope="module")
def imports() -> Imports:
    assert emulator.__file__
    return read_imports(Path(emulator.__file__).parent, PACKAGE)


def test_imports_go_one_way(imports: Imports) -> None:
    assert find_circle(imports) == []
    assert wrong_arrows(imports, ROOMS, ALLOWED) == []
