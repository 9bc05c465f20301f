"""The calls that an export makes about its dataset, and how their answers are checked."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from airflow_provider_apify.api import datasets
from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.errors import ApifyTooLargeError
from airflow_provider_apify.export.selection import Selection

# Twice the page that is aimed at: what is larger is asked for in halves.
_MAX_PAGE_BYTES = 8 << 20
_GZIP = 31


@dataclass(frozen=True)
class Range:
    """
    Items of a dataset.

    :param start: position of the first.
    :param stop: position after the last.
    """

    start: int
    stop: int


@dataclass(frozen=True)
class Page:
    """
    The rows of some items.

    :param data: JSON Lines, each line with its end, or the same compressed with gzip.
    :param rows: how many rows these are.
    :param size: bytes of the rows, not compressed.
    """

    data: bytes
    rows: int
    size: int


@dataclass(frozen=True)
class DatasetSource:
    """
    A dataset, to be exported.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param selection: which rows.
    :param gzipped: whether pages are to come compressed, and to stay so.
    """

    dataset_id: str
    selection: Selection
    gzipped: bool = False

    def metadata(self) -> Call[dict[str, Any]]:
        """Ask for the dataset's counts."""
        return datasets.get_dataset(self.dataset_id)

    def look(self, position: int) -> Call[bool]:
        """
        Ask whether there is an item at a position, whatever the selection.

        :param position: counted from the oldest item.
        """
        call = datasets.get_items(self.dataset_id, format="jsonl", offset=position, limit=1)
        return call.read_as(lambda answer: bool(answer.body.strip()))

    def page(self, range_: Range) -> Call[Page]:
        """
        Ask for the selected rows of a range of items.

        :param range_: which items; several at once may be refused for their size, a single one never is.
        """
        items = range_.stop - range_.start
        call, limit = self._rows(range_.start, items), _MAX_PAGE_BYTES if items > 1 else None
        read: Callable[[Answer], Page] = partial(_read_gzipped, limit) if self.gzipped else _read
        if not self.selection.one_row_per_item:
            # Rows do not tell here which items they are of, so it has to be all that were asked for.
            read = partial(_read_uncapped, read, items)
        headers = {"Accept-Encoding": "gzip"} if self.gzipped else {}
        return call.read_as(read, max_bytes=limit, headers=headers)

    def all(self, format_name: str = "jsonl") -> Call[Any]:
        """
        Ask for all selected rows at once.

        :param format_name: Apify's name of a format.
        """
        return self._rows(self.selection.offset, self.selection.limit, format_name)

    def _rows(self, offset: int, limit: int | None, format_name: str = "jsonl") -> Call[Any]:
        return datasets.get_items(
            self.dataset_id,
            raw=self.gzipped,
            **self.selection.shape,
            format=format_name,
            offset=offset,
            limit=limit,
        )


def most_items(headers: Mapping[str, str]) -> float:
    """
    Return the limit that Apify went by, which may be lower than the one that was asked for.

    :param headers: of an answer with items.
    """
    return int(headers.get("X-Apify-Pagination-Limit") or 0) or math.inf


def _read_uncapped(read: Callable[[Answer], Page], items: int, answer: Answer) -> Page:
    if most_items(answer.headers) < items:
        raise ApifyTooLargeError(f"Apify gives fewer than {items:,} items at once.")
    return read(answer)


def count_rows(lines: bytes) -> int:
    """
    Return how many rows there are.

    :param lines: JSON Lines, each with its end.
    """
    # `bytes.count` looks at every single byte; this runs from line end to line end, several times faster.
    return len(lines) - len(lines.replace(b"\n", b""))


def _read(answer: Answer) -> Page:
    lines = _lines(answer.body)
    return Page(lines, count_rows(lines), len(lines))


def _read_gzipped(limit: int | None, answer: Answer) -> Page:
    if answer.headers.get("Content-Encoding", "").lower() != "gzip":
        page = _read(answer)
        return replace(page, data=compress(page.data) if page.data else b"")
    body = answer.body
    try:
        unpacker = zlib.decompressobj(_GZIP)
        plain = unpacker.decompress(body, limit or 0)
        if unpacker.unconsumed_tail:
            raise ApifyTooLargeError(f"The page has more than {limit:,} bytes.")
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("the compressed body is not whole")
    except zlib.error as error:
        raise ValueError(f"the compressed body is damaged: {error}") from None
    lines = _lines(plain)
    # Members of a gzip file may follow each other, so a missing line end is added as one of its own.
    data = body + compress(b"\n") if len(lines) > len(plain) else body
    return Page(data if lines else b"", count_rows(lines), len(lines))


def _lines(body: bytes) -> bytes:
    """Return whole JSON lines, each with its end; a body that lost its end on the way is no answer."""
    if not body:
        return body
    last = body[body.rfind(b"\n", 0, -1) + 1 :]
    if not isinstance(json.loads(last), dict):
        raise ValueError("a row is not a JSON object")
    return body if body.endswith(b"\n") else body + b"\n"


def compress(data: bytes) -> bytes:
    """
    Make a gzip file of some bytes, the same one each time.

    :param data: the bytes.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()
