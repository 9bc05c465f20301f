"""Reads which modules of a package import which others, without importing any of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Imports = dict[str, set[str]]


def read_imports(folder: Path, package: str) -> Imports:
    """
    Return, for each module of a package, the modules of the same package that it imports.

    Every import statement counts, also one inside of a function or under ``TYPE_CHECKING``. A module named
    ``__init__`` has the name of its package, and ``from package import module`` is an import of that module.

    :param folder: Folder of the package.
    :param package: Its full name, with dots.
    """
    imported = imported_names(folder, package)
    return {
        module: {_nearest_module(name, imported) for name in names} - {module, ""}
        for module, names in imported.items()
    }


def imported_names(folder: Path, package: str) -> Imports:
    """Return, for each module of a package, the full names that it imports, from wherever they come."""
    names: Imports = {}
    for file in sorted(folder.rglob("*.py")):
        module, tree = _module_name(file, folder, package), ast.parse(file.read_text(), str(file))
        names[module] = set(_names_in(tree, module, file.name == "__init__.py"))
    return names


def find_circle(imports: Imports) -> list[str]:
    """Return modules that each import the next one, the last one the first; empty without a circle."""
    finished: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return path[path.index(module) :]
        if module in finished:
            return []
        for imported in sorted(imports.get(module, ())):
            if circle := search(imported, [*path, module]):
                return circle
        finished.add(module)
        return []

    return next((circle for module in sorted(imports) if (circle := search(module, []))), [])


def wrong_arrows(imports: Imports, rooms: Mapping[str, str], allowed: Mapping[str, set[str]]) -> list[str]:
    """
    Return the imports that lead from a room to another one that it may not import, as ``a -> b``.

    :param imports: The imports of a package.
    :param rooms: Room of each module (``package.module``) and of each package as a whole (``package.*``).
    :param allowed: The other rooms that each room may import.
    :raises LookupError: if a module is in no room.
    """
    room = {module: _room_of(module, rooms) for module in imports}
    return [
        f"{module} -> {imported}"
        for module, names in sorted(imports.items())
        for imported in sorted(names)
        if room[imported] not in {room[module], *allowed[room[module]]}
    ]


def _room_of(module: str, rooms: Mapping[str, str]) -> str:
    if module in rooms:
        return rooms[module]
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (package := ".".join([*parts[:length], "*"])) in rooms:
            return rooms[package]
    raise LookupError(f"{module} is in no room: add it, or its package, to the table of rooms.")


def _module_name(file: Path, folder: Path, package: str) -> str:
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join([package, *(part for part in parts if part != "__init__")])


def _names_in(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                up = node.level - is_package
                source = ".".join(
                    [*module.split(".")[: len(module.split(".")) - up], *filter(None, [source])]
                )
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _nearest_module(name: str, modules: Mapping[str, object]) -> str:
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name
