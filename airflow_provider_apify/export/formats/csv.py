"""CSV: which columns a table has, in which order, and how their values are written."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.foreign_text import foreign_text
from airflow_provider_apify.export.formats import (
    MAX_COLUMNS,
    MAX_NAME_CHARACTERS,
    Encoder,
    LongNameError,
    TooManyColumnsError,
)
from airflow_provider_apify.export.formats.jsonl import parse_rows

# Bytes of text in memory at a time: a short row becomes as long as all columns make it.
_BLOCK_CHARACTERS = 1 << 20
# Deeper than data goes, and far less deep than Python; the name of a column tells the way to its value.
_MOST_LEVELS = 200


@dataclass(frozen=True)
class CsvOptions:
    """How CSV is written; `columns` come first, in their order, all others follow in alphabetical order."""

    delimiter: str = ","
    bom: bool = False
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ApifyConfigurationError(
                f"`delimiter` must be one character, but not a quote or a line end, got {self.delimiter!r}. "
                "Nothing was read."
            )


class CsvEncoder(Encoder):
    """CSV; the columns are those of all rows."""

    inspects = True

    def __init__(self, options: CsvOptions) -> None:
        self._options = options
        self._names: set[str] = set()

    def inspect(self, page: bytes) -> None:
        """Take note of the columns."""
        for row in _flat_rows(page):
            self._names.update(row)
            if len(self._names) > MAX_COLUMNS:
                raise TooManyColumnsError

    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        options = self._options
        columns = _in_order(self._names, options.columns)
        if options.bom:
            yield codecs.BOM_UTF8
        if columns:
            yield from _csv_lines([columns], options.delimiter)
        for page in pages:
            rows = ([row.get(column) for column in columns] for row in _flat_rows(page))
            yield from _csv_lines(rows, options.delimiter)


def _flat_rows(page: bytes) -> Iterator[dict[str, Any]]:
    # Numbers stay the text they came as: a table has no business rounding them.
    for row in parse_rows(page, parse_float=str, parse_int=str, parse_constant=str):
        flat: dict[str, Any] = {}
        _flatten(row.items(), "", flat, _MOST_LEVELS)
        yield flat


def _flatten(values: Iterable[tuple[Any, Any]], prefix: str, flat: dict[str, Any], levels: int) -> None:
    """
    Flatten a row as Apify's tables do: `{"a": {"b": 1}, "c": [2]}` has the columns `a/b` and `c/0`.

    Empty objects and arrays have no column.
    """
    for key, value in values:
        name = f"{prefix}{key}"
        if len(name) > MAX_NAME_CHARACTERS:
            raise LongNameError
        if isinstance(value, (dict, list)):
            if not levels:
                raise ValueError(f"it is nested deeper than {_MOST_LEVELS} levels")
            # Before they have taken memory.
            if len(value) > MAX_COLUMNS or len(flat) > MAX_COLUMNS:
                raise TooManyColumnsError
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            _flatten(inner, f"{name}/", flat, levels - 1)
        elif name in flat:
            raise ValueError(f"it has two values for the column {foreign_text(repr(name))}")
        else:
            flat[name] = value


def _in_order(names: set[str], first: tuple[str, ...]) -> list[str]:
    order = {name: position for position, name in enumerate(first)}
    return sorted(names, key=lambda name: (order.get(name, order.get(name.split("/")[0], len(order))), name))


def _csv_lines(rows: Iterable[Iterable[Any]], delimiter: str) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    # Python before 3.13 leaves a lone carriage return unquoted, and most readers take it for a line end.
    careful = csv.writer(buffer, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        texts = [_text(value) for value in row]
        (careful if any("\r" in text for text in texts) else writer).writerow(texts)
        if buffer.tell() >= _BLOCK_CHARACTERS:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else "true" if value else "false"
