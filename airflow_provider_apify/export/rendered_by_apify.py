"""
Files that only Apify can render, and only as a whole: XLSX, XML, HTML and RSS.

Such a file has no pages to count, so it is taken apart as far as is needed to see that it is complete, and
has the rows of all items.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import IO, cast
from xml.parsers import expat

from airflow_provider_apify.api.errors import ApifyDataError, ApifyInputError, ApifyTooLargeError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.item_pages import DatasetSource, Page, applied_limit
from airflow_provider_apify.export.item_ranges import survey
from airflow_provider_apify.export.page_size import PageSize

_BLOCK_BYTES = 1 << 20
# The parser begins a tag again with each block in which it does not end: few blocks, no endless tags.
_PARSED_BYTES = 4 << 20
_MOST_TAG_BYTES = 16 << 20
# Most bytes of a sheet, beyond what Apify makes; a few kilobytes may unpack to any number of them.
_MOST_SHEET_BYTES = 1 << 30
# How many times its bytes on the wire a large file may have: the same tags in each row compress well.
_MAX_INFLATION = 1_000
# The directory of an archive is read at once, and that of an XLSX has some kilobytes. No other read asks for
# more than this.
_MOST_DIRECTORY_BYTES = _PARSED_BYTES
_INSTEAD = "Use `jsonl` instead: it has no limits."


# What damaged archives (RuntimeError: they are encrypted) and documents (LookupError: encodings) raise.
_UNREADABLE = (
    ValueError,
    LookupError,
    RuntimeError,
    EOFError,
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
)


def download_rendered(source: DatasetSource, client: Client, format_name: str) -> Iterator[Page]:
    """Have Apify render a file, and give it, block by block, once it has come whole."""
    extent = survey(source, PageSize(1), client.send)
    with tempfile.TemporaryFile() as file:
        try:
            call = replace(source.all_rows(format_name), max_inflation=_MAX_INFLATION)
            headers = client.download(call, file)
        except ApifyInputError as error:
            raise ApifyDataError(
                f"Apify cannot make {format_name} of the dataset {source.dataset_id}. {_INSTEAD} ({error})"
            ) from error
        except ApifyTooLargeError as error:
            raise ApifyTooLargeError(
                f"The {format_name} of the dataset {source.dataset_id} is not written, as it would fill the "
                f"disk. {error} {_INSTEAD}"
            ) from error
        file.seek(0)
        try:
            rows = ROW_COUNTERS[format_name](file)
        except _UNREADABLE as error:
            raise ApifyDataError(
                f"The {format_name} that Apify made of the dataset {source.dataset_id} is not complete, or "
                f"cannot be looked through ({error}). {_INSTEAD}"
            ) from error
        last = source.selection.last
        items = (extent.items if last is None else min(extent.items, last)) - source.selection.offset
        if applied_limit(headers) < items or (source.selection.one_row_per_item and rows < items):
            raise ApifyDataError(
                f"Apify put {rows:,} rows of the {items:,} items of the dataset {source.dataset_id} into its "
                f"{format_name}. {_INSTEAD}"
            )
        file.seek(0)
        while block := file.read(_BLOCK_BYTES):
            yield Page(block, rows, len(block))
            rows = 0


def _count_elements(file: IO[bytes], depth: int, name: str | None = None) -> int:
    """Count the elements at some depth, the root being at 0; the parser refuses those that are not closed."""
    parser = expat.ParserCreate()
    level = rows = 0

    def start(tag: str, _: object) -> None:
        nonlocal level, rows
        rows += level == depth and name in (None, tag)
        level += 1

    def end(_: str) -> None:
        nonlocal level
        level -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    fed = 0
    while block := file.read(_PARSED_BYTES):
        parser.Parse(block)
        fed += len(block)
        if fed - parser.CurrentByteIndex > _MOST_TAG_BYTES:
            raise ValueError(f"it has a tag of more than {_MOST_TAG_BYTES:,} bytes")
    parser.Parse(b"", True)
    return rows


class _SmallReads:
    """A file as `zipfile` reads it, but for a directory that has no end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _MOST_DIRECTORY_BYTES:
            raise ValueError(f"its directory has {size:,} bytes, more than {_MOST_DIRECTORY_BYTES:,}")
        return self._file.read(size)


def _count_xlsx(file: IO[bytes]) -> int:
    with zipfile.ZipFile(cast("IO[bytes]", _SmallReads(file))) as book:
        sheets = [name for name in book.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
        if not sheets:
            raise ValueError("it has no sheet")
        info = book.getinfo(sheets[0])
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("its sheet is not compressed as in XLSX")
        # No more than this is unpacked, whatever is there.
        if info.file_size > _MOST_SHEET_BYTES:
            raise ValueError(f"its sheet has {info.file_size:,} bytes, more than {_MOST_SHEET_BYTES:,}")
        with book.open(info) as sheet:
            # The first row holds the columns' names.
            return max(0, _count_elements(sheet, depth=2, name="row") - 1)


def _count_html(file: IO[bytes]) -> int:
    rows, tail = -1, b""
    while block := file.read(_BLOCK_BYTES):
        # Text is escaped, so what looks like a tag is one; one that lies across two blocks counts once.
        block = tail + block
        rows += len(re.findall(rb"<tr[\s>]", block)) - len(re.findall(rb"<tr[\s>]", tail))
        tail = block[-16:]
    if not tail.rstrip().endswith(b"</html>"):
        raise ValueError("its end is missing")
    return max(0, rows)


#: The functions that count the rows of a whole file, by Apify's name of the format.
ROW_COUNTERS: dict[str, Callable[[IO[bytes]], int]] = {
    "xlsx": _count_xlsx,
    "xml": partial(_count_elements, depth=1),
    "html": _count_html,
    "rss": partial(_count_elements, depth=2, name="item"),
}
