"""
Parquet: one schema, inferred over all rows; nested values stay nested.

A column has the narrowest type that holds all its values exactly. Where values do not fit together (a number
here, an object there; integers that a float would round beside fractions), have no type in Parquet (only
nulls, only empty objects), or are nested deeper than readers go, the column is text, and what is not text is
its JSON. Dates are text in a dataset, and stay so.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyDataError
from airflow_provider_apify.export.formats import (
    MAX_COLUMNS,
    MAX_NAME_CHARACTERS,
    Encoder,
    LongNameError,
    TooManyColumnsError,
)
from airflow_provider_apify.export.formats.jsonl import parse_rows

# Readers want row groups of some size; memory wants them small: bytes of rows, and cells, of which a row has
# one in each column, whatever it holds.
_ROW_GROUP_BYTES = 8 << 20
_ROW_GROUP_CELLS = 4 << 20
# A float has every integer up to this one.
_EXACT = 2**53
# Kinds of rows are remembered, to look at each kind only once: those of so many bytes of pages with new ones.
_REMEMBERED_BYTES = 8 << 20
# Arrow opens no file that is nested deeper than 98 levels, of which an array takes two.
_MOST_LEVELS = 40


class ParquetEncoder(Encoder):
    """Parquet; the schema is that of all rows."""

    inspects = True

    def __init__(self) -> None:
        try:
            import pyarrow as pa
        except ImportError as error:
            raise ApifyConfigurationError(
                f"Parquet needs pyarrow ({error}): pip install 'airflow-provider-apify[parquet]'. "
                "Nothing was read."
            ) from None
        self._pa = pa
        # The kind of all rows so far, and what the rows looked like whose kinds are in it.
        self._kind: Kind = {}
        self._seen: set[Any] = set()
        self._seen_bytes = 0

    def inspect(self, page: bytes) -> None:
        """Take note of the types."""
        new = 0
        for row in parse_rows(page):
            # Most rows of a dataset are of one kind, and telling that is much cheaper than merging kinds.
            try:
                mark = _mark(row)
            except RecursionError:
                mark = object()
            if mark not in self._seen:
                if self._seen_bytes > _REMEMBERED_BYTES:
                    self._seen.clear()
                    self._seen_bytes = 0
                self._kind = _merge(self._kind, _kind_of(row))
                if _count_columns(self._kind) > MAX_COLUMNS:
                    raise TooManyColumnsError
                self._seen.add(mark)
                new = len(page)
        self._seen_bytes += new

    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        from pyarrow.parquet import ParquetWriter

        if self._seen and not self._kind:
            raise ApifyDataError(
                "None of the rows has a field, and Parquet cannot hold rows without columns. Use "
                "`skip_empty`, or another format. Nothing was left at the destination."
            )
        row_type, fit = _struct(self._kind)
        schema = self._pa.schema(list(row_type))
        out = _Collector()
        with ParquetWriter(out, schema) as writer:
            for rows in _row_groups(pages, _ROW_GROUP_CELLS // max(1, _count_columns(self._kind))):
                writer.write_table(self._pa.Table.from_pylist([fit(row) for row in rows], schema=schema))
                yield out.take()
        yield out.take()


def _row_groups(pages: Iterable[bytes], most: int) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size = 0
    for page in pages:
        rows += parse_rows(page)
        size += len(page)
        while len(rows) > most:
            yield rows[:most]
            del rows[:most]
        if size >= _ROW_GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


# A kind is what values look like: None, bool, int, float or str for scalars, `{name: kind}` for objects,
# `[kind]` for arrays, and ANY for values that do not fit together.
ANY = "any"
Kind = Any


def _mark(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple([(name, _mark(inner)) for name, inner in value.items()])
    if isinstance(value, list):
        return frozenset(map(_mark, value)) if value else list
    return type(value) if type(value) is not int else _number(value)


class _Large(int):
    """The kind of integers that a float would round."""


def _number(value: int) -> Kind:
    if -_EXACT <= value <= _EXACT:
        return int
    return _Large if -(2**63) <= value < 2**63 else ANY


def _kind_of(value: Any, levels: int = _MOST_LEVELS, name_left: int = MAX_NAME_CHARACTERS) -> Kind:
    """Return the kind of a value; `name_left` characters may the way from here to a column have."""
    if isinstance(value, (dict, list)) and not levels:
        return ANY
    if isinstance(value, dict):
        if len(value) > MAX_COLUMNS:
            raise TooManyColumnsError
        if max(map(len, value), default=0) > name_left:
            raise LongNameError
        return {name: _kind_of(inner, levels - 1, name_left - len(name) - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [reduce(_merge, (_kind_of(inner, levels - 1, name_left) for inner in value), None)]
    return None if value is None else _number(value) if type(value) is int else type(value)


def _count_columns(kind: Kind) -> int:
    """Count the columns of a file: its leaves."""
    if isinstance(kind, dict):
        return sum(map(_count_columns, kind.values())) if kind else 1
    return _count_columns(kind[0]) if isinstance(kind, list) else 1


def _merge(one: Kind, other: Kind) -> Kind:
    """Return the kind of the values of both; of objects and arrays it is the first one, with more in it."""
    if other is None:
        return one
    if one is None:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        for name, kind in other.items():
            one[name] = _merge(one.get(name), kind)
        if len(one) > MAX_COLUMNS:
            raise TooManyColumnsError
        return one
    if isinstance(one, list) and isinstance(other, list):
        one[0] = _merge(one[0], other[0])
        return one
    if one == other:
        return one
    if one in (int, _Large) and other in (int, _Large):
        return _Large
    if one in (int, float) and other in (int, float):
        return float
    return ANY


def _resolve(kind: Kind) -> tuple[Any, Callable[[Any], Any]]:
    """Return the Arrow type of a kind, and what makes a value fit that type."""
    import pyarrow as pa

    # An object without fields has no type in Parquet.
    if isinstance(kind, dict) and kind:
        return _struct(kind)
    if isinstance(kind, list):
        type_, fit = _resolve(kind[0])
        return pa.list_(type_), lambda values: None if values is None else [fit(value) for value in values]
    if kind is float:
        return pa.float64(), lambda value: None if value is None else float(value)
    if kind in (int, _Large, bool):
        return (pa.bool_() if kind is bool else pa.int64()), lambda value: value
    return pa.string(), _as_text


def _struct(kinds: dict[str, Kind]) -> tuple[Any, Callable[[Any], Any]]:
    import pyarrow as pa

    types, fits = {}, {}
    for name, kind in kinds.items():
        types[name], fits[name] = _resolve(kind)

    def fit(value: Any) -> Any:
        # Only what a row has: filled up with all the names of thousands, it would need many times its memory.
        return None if value is None else {name: fits[name](inner) for name, inner in value.items()}

    return pa.struct(types), fit


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Collector(io.BytesIO):
    """A file in memory, from which the bytes are taken as they are written."""

    def take(self) -> bytes:
        data = self.getvalue()
        self.seek(0)
        self.truncate(0)
        return data
