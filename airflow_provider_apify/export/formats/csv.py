"""CSV: which columns a table has, in which order, and how their values are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.formats.encoder import Encoder
from airflow_provider_apify.export.formats.jsonl import parse_rows

Row = dict[str, Any]

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class CsvOptions:
    """
    How CSV is written, in Apify's own words.

    :param delimiter: a single character.
    :param bom: start with a byte order mark, as Apify's own CSV does.
    :param columns: names that come first, in this order; all others follow in alphabetical order.
    """

    delimiter: str = ","
    bom: bool = False
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ApifyConfigurationError(
                "`delimiter` must be one character, but not a quote or a line end, "
                f"got {self.delimiter!r}. Nothing was read."
            )


class CsvEncoder(Encoder):
    """CSV; the columns are those of all rows."""

    inspects = True

    def __init__(self, options: CsvOptions) -> None:
        self._options = options
        self._names: set[str] = set()

    def inspect(self, page: bytes) -> None:
        """Take note of the columns."""
        for row in _rows(page):
            self._names.update(_cells(row))

    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        options = self._options
        columns = _in_order(self._names, options.columns)
        if options.bom:
            yield _BOM
        if columns:
            yield _csv_lines([columns], options.delimiter)
        for page in pages:
            yield _csv_lines(
                ([row.get(column) for column in columns] for row in map(_cells, _rows(page))),
                options.delimiter,
            )


def _cells(row: Row) -> dict[str, str | bool | None]:
    """
    Flatten a row as Apify's tables do: `{"a": {"b": 1}, "c": [2]}` has the columns `a/b` and `c/0`.

    Empty objects and arrays have no column.
    """
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            _flatten(value, name, flat)
        else:
            flat[name] = value
    return flat


def _flatten(value: Any, name: str, flat: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{name}/{key}", flat)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _flatten(inner, f"{name}/{position}", flat)
    else:
        flat[name] = value


def _in_order(names: set[str], first: tuple[str, ...]) -> list[str]:
    order = {name: position for position, name in enumerate(first)}
    last = len(order)
    return sorted(names, key=lambda name: (order.get(name, order.get(name.split("/")[0], last)), name))


def _rows(page: bytes) -> list[Row]:
    # Numbers stay the text they came as: a table has no business rounding them.
    return parse_rows(page, parse_float=str, parse_int=str)


def _csv_lines(rows: Iterable[Iterable[Any]], delimiter: str) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    # Python before 3.13 leaves a lone carriage return unquoted, and most readers take it for a line end.
    careful = csv.writer(buffer, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        texts = [_text(value) for value in row]
        (careful if any("\r" in text for text in texts) else writer).writerow(texts)
    return buffer.getvalue().encode()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else "true" if value else "false"
