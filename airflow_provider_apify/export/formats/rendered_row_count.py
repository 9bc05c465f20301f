"""
Number of rows in the files that only Apify can render: XLSX, XML, HTML and RSS.

Such a file has no pages to count, so it is taken apart as far as is needed to see how many rows it has, and
that it is complete.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from typing import IO
from xml.parsers import expat

_BLOCK_BYTES = 1 << 20


def count_rows(format_name: str, file: IO[bytes]) -> int:
    """
    Count the rows of a file in a format of :data:`ROW_COUNTERS`.

    :raises ValueError: if the file is not complete.
    """
    file.seek(0)
    try:
        return ROW_COUNTERS[format_name](file)
    except (expat.ExpatError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error


def _xml_rows(file: IO[bytes], depth: int, name: str | None = None) -> int:
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
    parser.ParseFile(file)
    return rows


def _count_xml(file: IO[bytes]) -> int:
    return _xml_rows(file, depth=1)


def _count_rss(file: IO[bytes]) -> int:
    return _xml_rows(file, depth=2, name="item")


def _count_xlsx(file: IO[bytes]) -> int:
    with zipfile.ZipFile(file) as book:
        sheets = [name for name in book.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
        if not sheets:
            raise ValueError("it has no sheet")
        with book.open(sheets[0]) as rows:
            # The first row holds the columns' names.
            return max(0, _xml_rows(rows, depth=2, name="row") - 1)


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


#: The functions that count the rows of a file, by Apify's name of the format.
ROW_COUNTERS: dict[str, Callable[[IO[bytes]], int]] = {
    "xlsx": _count_xlsx,
    "xml": _count_xml,
    "html": _count_html,
    "rss": _count_rss,
}
