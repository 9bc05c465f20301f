"""Rows of a dataset as JSON, JSON Lines, CSV, HTML, XLSX, XML and RSS."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.dataset_items import encode
from airflow_provider_apify.emulator.platform.item_selection import Row, leaves

CONTENT_TYPES = {
    "json": "application/json; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
}
BOM = b"\xef\xbb\xbf"
MAX_COLUMNS = 2000
MAX_COLUMN_NAME = 200


@dataclass(frozen=True)
class Layout:
    """The options of the formats, as the API names them."""

    columns: tuple[str, ...] = ()
    delimiter: str = ","
    skip_header_row: bool = False
    xml_root: str = "items"
    xml_row: str = "item"
    feed_title: str = ""
    feed_description: str = ""


def render(name: str, rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    """Render rows in a format; ``rows`` is called for each pass, of which tables need two."""
    return _RENDERERS[name](rows, layout)


def _json(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    opening = b"[\n"
    for row in rows():
        yield opening + encode(row)
        opening = b",\n"
    yield b"[]" if opening == b"[\n" else b"\n]"


def _jsonl(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    for row in rows():
        yield encode(row) + b"\n"


def _csv(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    columns = _columns(rows(), layout)
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=layout.delimiter, lineterminator="\n")

    def written(cells: Iterable[str]) -> bytes:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue().encode()

    if not layout.skip_header_row:
        yield written(columns)
    for row in rows():
        cells = _cells(row)
        yield written([_text(cells.get(column)) for column in columns])


def _html(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    columns = _columns(rows(), layout)
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    yield f"<!DOCTYPE html>\n<html><body><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n".encode()
    for row in rows():
        cells = _cells(row)
        body = "".join(f"<td>{html.escape(_text(cells.get(column)))}</td>" for column in columns)
        yield f"<tr>{body}</tr>\n".encode()
    yield b"</tbody>\n</table></body></html>\n"


def _xlsx(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    try:
        from openpyxl import Workbook
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError:
        raise ApiError(
            501, "not-implemented", "The emulator renders XLSX with openpyxl: install its extra `emulator`."
        ) from None
    columns = _columns(rows(), layout)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    if not layout.skip_header_row:
        sheet.append(columns)
    for row in rows():
        cells = _cells(row)
        sheet.append(
            [
                ILLEGAL_CHARACTERS_RE.sub("", _sound(value)) if isinstance(value, str) else value
                for value in (cells.get(column) for column in columns)
            ]
        )
    file = io.BytesIO()
    book.save(file)
    yield file.getvalue()


def _xml(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<{layout.xml_root}>\n'.encode()
    for row in rows():
        yield (_element(layout.xml_row, row) + "\n").encode()
    yield f"</{layout.xml_root}>\n".encode()


def _rss(rows: Callable[[], Iterable[Row]], layout: Layout) -> Iterator[bytes]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">\n<channel>\n'
        f"<title>{_xml_text(layout.feed_title)}</title>\n"
        f"<description>{_xml_text(layout.feed_description)}</description>\n"
    ).encode()
    for row in rows():
        yield (_element("item", row) + "\n").encode()
    yield b"</channel>\n</rss>\n"


_RENDERERS: dict[str, Callable[[Callable[[], Iterable[Row]], Layout], Iterator[bytes]]] = {
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "html": _html,
    "xlsx": _xlsx,
    "xml": _xml,
    "rss": _rss,
}


def _cells(row: Row) -> dict[str, Any]:
    return {_sound(name): value for key, inner in row.items() for name, value in leaves(inner, key, "/")}


def _columns(rows: Iterable[Row], layout: Layout) -> list[str]:
    # In the order of the parameter `fields`, nested leaves after their field; else alphabetical, as in
    # captured exports.
    order = {name: position for position, name in enumerate(layout.columns)}
    names = sorted(
        {name for row in rows for name in _cells(row)},
        key=lambda name: (order.get(name, order.get(name.split("/")[0], len(order))), name),
    )
    if not names:
        raise ApiError(
            400,
            "no-columns-in-exported-dataset",
            "There are no columns in the exported dataset: the items are empty or none were selected.",
        )
    if len(names) > MAX_COLUMNS or max(map(len, names)) > MAX_COLUMN_NAME:
        raise ApiError(
            400,
            "invalid-request",
            f"Tables are limited to {MAX_COLUMNS} columns with names of up to {MAX_COLUMN_NAME} characters.",
        )
    return names


def _text(value: Any) -> str:
    if value is None:
        return ""
    return _sound(value) if isinstance(value, str) else json.dumps(value)


def _sound(text: str) -> str:
    # Halves of surrogate pairs cannot be written in UTF-8.
    return text.encode(errors="replace").decode()


def _element(tag: str, value: Any) -> str:
    name = _tag(tag)
    if isinstance(value, list):
        return "".join(_element(tag, element) for element in value)
    if not isinstance(value, dict):
        return f"<{name}/>" if value is None else f"<{name}>{_xml_text(_text(value))}</{name}>"
    attributes = value.get("@")
    given = (
        "".join(f" {_tag(key)}={quoteattr(_xml_chars(_text(inner)))}" for key, inner in attributes.items())
        if isinstance(attributes, dict)
        else ""
    )
    children = "".join(_element(key, inner) for key, inner in value.items() if key not in ("@", "#"))
    inside = children or (_xml_text(_text(value["#"])) if "#" in value else "")
    return f"<{name}{given}>{inside}</{name}>" if inside else f"<{name}{given}/>"


def _tag(name: str) -> str:
    name = re.sub(r"[^\w.\-]", "_", name)
    return name if re.match(r"[^\W\d]", name) else f"_{name}"


def _xml_chars(text: str) -> str:
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def _xml_text(text: str) -> str:
    return escape(_xml_chars(text))
