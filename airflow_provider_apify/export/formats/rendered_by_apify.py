"""
Files that only Apify can make, and only whole: XLSX, XML, HTML and RSS.

There are no pages to count here, so a file is taken apart as far as is needed to see that it is complete, and
how many rows it has.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

from airflow_provider_apify.api.errors import ApifyDataError, ApifyInputError
from airflow_provider_apify.api.flow import drive
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.ranges import PageSize, survey
from airflow_provider_apify.export.source import DatasetSource, Page, most_items

_BLOCK = 1 << 20
_INSTEAD = "Use `jsonl`, `csv` or `parquet` instead: they have no limits."


def read_whole(source: DatasetSource, client: Client, format_name: str) -> Iterator[Page]:
    """
    Have Apify make a file, and give it, block by block, once it has come whole.

    :param source: the dataset.
    :param client: the way to Apify.
    :param format_name: one of :data:`ROW_COUNTERS`.
    :raises ApifyDataError: if Apify cannot make it, or it is not complete.
    """
    extent = drive(survey(source, PageSize(1)), client.send)
    with tempfile.TemporaryFile() as file:
        try:
            most = most_items(client.download(source.all(format_name), file))
        except ApifyInputError as error:
            raise ApifyDataError(
                f"Apify cannot make {format_name} of the dataset {source.dataset_id}. {_INSTEAD} ({error})"
            ) from error
        try:
            rows = ROW_COUNTERS[format_name](file)
        except (ValueError, expat.ExpatError, zipfile.BadZipFile, StopIteration) as error:
            raise ApifyDataError(
                f"The {format_name} that Apify made of the dataset {source.dataset_id} is not complete "
                f"({error}). {_INSTEAD}"
            ) from error
        last = source.selection.last
        items = (extent.items if last is None else min(extent.items, last)) - source.selection.offset
        if most < items or (source.selection.one_row_per_item and rows < items):
            raise ApifyDataError(
                f"Apify put {rows:,} rows of the {items:,} items of the dataset {source.dataset_id} into its "
                f"{format_name}. {_INSTEAD}"
            )
        file.seek(0)
        while block := file.read(_BLOCK):
            yield Page(block, rows, len(block))
            rows = 0


def _xml_rows(file: IO[bytes], depth: int, name: str | None = None) -> int:
    """Count the elements at some depth, the root being at 0; the parser sees to it that all are closed."""
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
    file.seek(0)
    return _xml_rows(file, depth=1)


def _count_rss(file: IO[bytes]) -> int:
    file.seek(0)
    return _xml_rows(file, depth=2, name="item")


def _count_xlsx(file: IO[bytes]) -> int:
    file.seek(0)
    with zipfile.ZipFile(file) as book:
        sheet = next(name for name in book.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name))
        with book.open(sheet) as rows:
            # The first row holds the columns' names.
            return max(0, _xml_rows(rows, depth=2, name="row") - 1)


def _count_html(file: IO[bytes]) -> int:
    file.seek(0)
    rows, tail = -1, b""
    while block := file.read(_BLOCK):
        # Text is escaped, so what looks like a tag is one; one that lies across two blocks counts once.
        block = tail + block
        rows += len(re.findall(rb"<tr[\s>]", block)) - len(re.findall(rb"<tr[\s>]", tail))
        tail = block[-16:]
    if not tail.rstrip().endswith(b"</html>"):
        raise ValueError("its end is missing")
    return max(0, rows)


#: What counts the rows of a file, by Apify's name of the format.
ROW_COUNTERS: dict[str, Callable[[IO[bytes]], int]] = {
    "xlsx": _count_xlsx,
    "xml": _count_xml,
    "html": _count_html,
    "rss": _count_rss,
}
