"""How imports are read and judged, on a small package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import find_circle, imported_names, read_imports, wrong_arrows


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
    assert imported_names(tmp_path, "house")["house.kitchen.table"] == {"house.attic.Roof", "json"}
    assert find_circle(imports) == ["house.cellar", "house.attic"]
    rooms = {"house": "outside", "house.attic": "top", "house.cellar": "bottom", "house.kitchen.*": "middle"}
    allowed = {"outside": {"bottom"}, "top": {"middle", "bottom"}, "bottom": set(), "middle": set()}
    assert wrong_arrows(imports, rooms, allowed) == [
        "house.cellar -> house.attic",
        "house.kitchen.table -> house.attic",
    ]
    with pytest.raises(LookupError, match="house is in no room"):
        wrong_arrows(imports, {name: rooms[name] for name in rooms if name != "house"}, allowed)
