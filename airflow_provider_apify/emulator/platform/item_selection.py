"""Selection of fields (``fields``, ``omit``, ``unwind``, ``flatten``, ``clean``): from items to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class ItemSelection:
    """
    The parameters that turn items into rows, as the API names them.

    The order in which the live service applies the parameters is not documented. Here: ``skipFailedPages``,
    ``fields`` with ``outputFields``, ``unwind``, ``flatten``, ``omit``, ``skipHidden``, ``skipEmpty``.
    """

    fields: tuple[str, ...] = ()
    output_fields: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    unwind: tuple[str, ...] = ()
    flatten: tuple[str, ...] = ()
    skip_hidden: bool = False
    skip_empty: bool = False
    skip_failed_pages: bool = False

    def apply(self, items: Iterable[Row]) -> Iterator[Row]:
        """Turn items into rows, which may be more or fewer than the items."""
        for item in items:
            if self.skip_failed_pages and "errorInfo" in item:
                continue
            for row in self._unwound(self._picked(item)):
                shaped = self._trimmed(self._flattened(row))
                if shaped or not self.skip_empty:
                    yield shaped

    def _picked(self, item: Row) -> Row:
        if not self.fields:
            return item
        names = self.output_fields or self.fields
        return {name: item[field] for field, name in zip(self.fields, names, strict=True) if field in item}

    def _unwound(self, item: Row) -> Iterable[Row]:
        rows: Iterable[Row] = [item]
        for field in self.unwind:
            rows = [unwound for row in rows for unwound in _unwind(row, field)]
        return rows

    def _flattened(self, row: Row) -> Row:
        for field in self.flatten:
            if isinstance(row.get(field), (dict, list)):
                row = {
                    name: value
                    for key, original in row.items()
                    for name, value in (leaves(original, key, ".") if key == field else [(key, original)])
                }
        return row

    def _trimmed(self, row: Row) -> Row:
        if not self.omit and not self.skip_hidden:
            return row
        return {
            name: value
            for name, value in row.items()
            if name not in self.omit and not (self.skip_hidden and name.startswith("#"))
        }


WHOLE_ITEMS = ItemSelection()


def leaves(value: Any, name: str, separator: str) -> Iterator[tuple[str, Any]]:
    """Flatten a nested value into (name, leaf) pairs; empty objects and arrays yield no pair."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}{separator}{key}", separator)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from leaves(inner, f"{name}{separator}{position}", separator)
    else:
        yield name, value


def _unwind(row: Row, field: str) -> list[Row]:
    value = row.get(field)
    if isinstance(value, dict):
        return [_merged(row, field, value)]
    if isinstance(value, list):
        return [_merged(row, field, element) for element in value]
    return [row]


def _merged(row: Row, field: str, element: Any) -> Row:
    if not isinstance(element, dict):
        return {**row, field: element}
    return {**{name: value for name, value in row.items() if name != field}, **element}
