"""The order of the package's rooms, as `docs/architecture.md` draws it: imports go one way."""

from __future__ import annotations

from pathlib import Path

import pytest

import airflow_provider_apify
from tests.support.imports import Imports, find_circle, imported_names, read_imports, wrong_arrows

NAME = "airflow_provider_apify"
FOLDER = Path(airflow_provider_apify.__file__).parent

# A package or a module at the root that is not named here fails the test: what does it belong to?
ROOMS = {
    **{
        f"{NAME}.{room}.*": room
        for room in (
            "api",
            "emulator",
            "export",
            "hooks",
            "operators",
            "runs",
            "sensors",
            "transfers",
            "triggers",
        )
    },
    NAME: "version",
    f"{NAME}.get_provider_info": "metadata",
    f"{NAME}.links": "links",
    f"{NAME}.assets": "assets",
    f"{NAME}.decorators": "decorators",
}
ALLOWED: dict[str, set[str]] = {
    "version": set(),
    "metadata": set(),
    "links": set(),
    "emulator": set(),
    "api": set(),
    "assets": {"api"},
    "runs": {"api", "links"},
    "export": {"api"},
    "hooks": {"api", "runs", "export", "metadata", "version"},
    "triggers": {"api", "runs", "hooks"},
    "operators": {"api", "runs", "export", "hooks", "triggers", "links"},
    "sensors": {"api", "runs", "hooks", "operators", "links"},
    "transfers": {"api", "runs", "export", "hooks", "operators"},
    "decorators": {"operators"},
}


@pytest.fixture(scope="module")
def imports() -> Imports:
    return read_imports(FOLDER, NAME)


def test_no_two_files_import_each_other(imports: Imports) -> None:
    assert find_circle(imports) == []


def test_rooms_import_only_those_below_them(imports: Imports) -> None:
    assert wrong_arrows(imports, ROOMS, ALLOWED) == []


def test_a_room_that_nobody_planned_is_noticed(imports: Imports) -> None:
    with pytest.raises(LookupError, match=f"{NAME}.helpers is in no room"):
        wrong_arrows({**imports, f"{NAME}.helpers": set()}, ROOMS, ALLOWED)


@pytest.mark.parametrize("room", ["api", "export"])
def test_the_lower_wings_know_nothing_of_airflow(room: str) -> None:
    """But for the stores, which Airflow's own hooks and paths open."""
    for module, names in imported_names(FOLDER / room, f"{NAME}.{room}").items():
        of_airflow = {name for name in names if name.partition(".")[0] == "airflow"}
        assert not of_airflow or module.split(".")[-2] == "stores", module


def test_no_file_outgrows_one_reading() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in FOLDER.rglob("*.py")}
    assert {path: count for path, count in lines.items() if count > 400} == {}
