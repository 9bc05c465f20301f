"""Single pages of a dataset's items: the calls that ask for them, and the checks that an answer is whole."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from airflow_provider_apify.api import datasets
from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.errors import ApifyTooLargeError
from airflow_provider_apify.export import page_size
from airflow_provider_apify.export.formats import gzip
from airflow_provider_apify.export.item_selection import Selection


@dataclass(frozen=True)
class Range:
    """Items of a dataset, from position `start` to the one before `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Page:
    """
    The rows of some items.

    :param data: JSON Lines, each line with its end, or the same compressed with gzip.
    :param size: bytes of the rows, not compressed.
    """

    data: bytes
    rows: int
    size: int


@dataclass(frozen=True)
class DatasetSource:
    """
    A dataset to export, as calls to the API.

    :param gzipped: whether pages are to come compressed, and to stay so.
    """

    dataset_id: str
    selection: Selection
    gzipped: bool = False

    def metadata(self) -> Call[dict[str, Any]]:
        """Ask for the dataset's counts."""
        return datasets.get_dataset(self.dataset_id)

    def has_item(self, position: int) -> Call[bool]:
        """Ask whether there is an item at a position, counted from the oldest, whatever the selection."""
        call = datasets.get_items(self.dataset_id, format="jsonl", offset=position, limit=1)
        return call.read_as(lambda answer: bool(answer.body.strip()))

    def page(self, items: Range) -> Call[Page]:
        """Ask for the selected rows of some items; several may be refused for their size, one never is."""
        call = self._rows(items.start, len(items))
        limit = page_size.MAX_BYTES if len(items) > 1 else None
        read: Callable[[Answer], Page] = partial(_read_gzipped, limit) if self.gzipped else _read
        if not self.selection.one_row_per_item:
            # Rows do not tell here which items they are of, so Apify must have read all that were asked for.
            read = partial(_read_uncapped, read, len(items))
        headers = {"Accept-Encoding": "gzip"} if self.gzipped else {}
        return call.read_as(read, max_bytes=limit, headers=headers)

    def all_rows(self, format_name: str = "jsonl") -> Call[Any]:
        """Ask for all selected rows at once, in one of Apify's formats."""
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


def applied_limit(headers: Mapping[str, str]) -> float:
    """Return the limit that Apify went by, which may be lower than the one that was asked for."""
    return int(headers.get("X-Apify-Pagination-Limit") or 0) or math.inf


def count_rows(lines: bytes) -> int:
    """Count JSON Lines, each of which has its end."""
    # `bytes.count` looks at every byte; `replace` runs from line end to line end, several times faster.
    return len(lines) - len(lines.replace(b"\n", b""))


def _read_uncapped(read: Callable[[Answer], Page], items: int, answer: Answer) -> Page:
    if applied_limit(answer.headers) < items:
        raise ApifyTooLargeError(f"Apify gives fewer than {items:,} items at once.")
    return read(answer)


def _read(answer: Answer) -> Page:
    lines = _whole_lines(answer.body)
    return Page(lines, count_rows(lines), len(lines))


def _read_gzipped(limit: int | None, answer: Answer) -> Page:
    if answer.headers.get("Content-Encoding", "").lower() != "gzip":
        page = _read(answer)
        return replace(page, data=gzip.compress(page.data) if page.data else b"")
    plain = gzip.decompress(answer.body, limit)
    lines = _whole_lines(plain)
    # Members of a gzip file may follow each other, so a missing line end is added as a member of its own.
    data = answer.body + gzip.compress(b"\n") if len(lines) > len(plain) else answer.body
    return Page(data if lines else b"", count_rows(lines), len(lines))


def _whole_lines(body: bytes) -> bytes:
    """Return JSON Lines, each with its end; refuse a body that lost its end on the way."""
    if not body:
        return body
    last = body[body.rfind(b"\n", 0, -1) + 1 :]
    if not isinstance(json.loads(last), dict):
        raise ValueError("a row is not a JSON object")
    return body if body.endswith(b"\n") else body + b"\n"
