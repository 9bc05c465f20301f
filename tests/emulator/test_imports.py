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


def test_the_emulator_imports_nothing_of_the_provider(imports: Imports) -> None:
    assert emulator.__file__
    whole = read_imports(Path(emulator.__file__).parents[1], "airflow_provider_apify")
    outside = {name for module in imports for name in whole[module]} - set(imports)
    assert outside == set()


def test_every_kind_of_import_is_read(tmp_path: Path) -> None:
    for name, text in {
        "__init__.py": "from house.cellar import wine",
        "attic.py": "import house.kitchen.table\nfrom . import cellar",
        "cellar.py": "def late():\n    from house import attic",
        "kitchen/__init__.py": "",
        "kitchen/table.py": "if TYPE_CHECKING:\n    from ..attic import Roof\nimport json",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    imports = read_imports(tmp_path, "house")
    assert imports == {
        "house": {"house.cellar"},
        "house.attic": {"house.kitchen.table", "house.cellar"},
        "house.cellar": {"house.attic"},
        "house.kitchen": set(),
        "house.kitchen.table": {"house.attic"},
    }
    assert find_circle(imports) == ["house.cellar", "house.attic"]
    rooms = {"house": "outside", "house.attic": "top", "house.cellar": "bottom", "house.kitchen.*": "middle"}
    allowed = {"outside": {"bottom"}, "top": {"middle", "bottom"}, "bottom": set(), "middle": set()}
    assert wrong_arrows(imports, rooms, allowed) == [
        "house.cellar -> house.attic",
        "house.kitchen.table -> house.attic",
    ]
    with pytest.raises(LookupError, match="house is in no room"):
        wrong_arrows(imports, {name: rooms[name] for name in rooms if name != "house"}, allowed)
