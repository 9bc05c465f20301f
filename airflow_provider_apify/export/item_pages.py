"""Single pages of a dataset's items: the calls that ask for them, and the checks that an answer is whole."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api import datasets
from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.errors import ApifyTooLargeError
from airflow_provider_apify.api.item_selection import Selection
from airflow_provider_apify.export import page_size
from airflow_provider_apify.export.formats import gzip


@dataclass(frozen=True)
class Page:
    """The rows of some items."""

    #: JSON Lines, each line with its end, or the same compressed with gzip.
    data: bytes
    rows: int
    #: Bytes of the rows, not compressed.
    size: int


@dataclass(frozen=True)
class DatasetSource:
    """A dataset to export, as calls to the API."""

    dataset_id: str
    selection: Selection
    #: Whether pages are to come compressed, and to stay so.
    gzipped: bool = False

    def metadata(self) -> Call[dict[str, Any]]:
        """Ask for the dataset's counts."""
        return datasets.get_dataset(self.dataset_id)

    def has_item(self, position: int) -> Call[bool]:
        """Ask whether there is an item at a position, counted from the oldest, whatever the selection."""
        call = datasets.get_items(self.dataset_id, format="jsonl", offset=position, limit=1)
        return call.read_as(lambda answer: bool(answer.body.strip()))

    def page(self, items: range) -> Call[Page]:
        """Ask for the selected rows of some items; several may be refused for their size, one never is."""
        max_bytes = page_size.MAX_BYTES if len(items) > 1 else None

        def read(answer: Answer) -> Page:
            # Unless each item is one row, rows do not tell whether all items were read that were asked for.
            if not self.selection.one_row_per_item and applied_limit(answer.headers) < len(items):
                raise ApifyTooLargeError(f"Apify gives fewer than {len(items):,} items at once.")
            return _read_gzipped(answer, max_bytes) if self.gzipped else whole_page(answer.body)

        headers = {"Accept-Encoding": "gzip"} if self.gzipped else {}
        return self._rows(items.start, len(items)).read_as(read, max_bytes=max_bytes, headers=headers)

    def all_rows(self, format_name: str = "jsonl") -> Call[Any]:
        """Ask for all selected rows at once, in one of Apify's formats."""
        return self._rows(self.selection.offset, self.selection.limit, format_name)

    def _rows(self, offset: int, limit: int | None, format_name: str = "jsonl") -> Call[Any]:
        params = {**self.selection.shape, "format": format_name, "offset": offset, "limit": limit}
        return datasets.request_items(self.dataset_id, params, raw=self.gzipped)


def applied_limit(headers: Mapping[str, str]) -> float:
    """Return the limit that Apify went by, which may be lower than the one that was asked for."""
    return int(headers.get("X-Apify-Pagination-Limit") or 0) or math.inf


def count_rows(lines: bytes) -> int:
    """Count JSON Lines, each of which has its end."""
    # `bytes.count` looks at every byte; `replace` runs from line end to line end, several times faster.
    return len(lines) - len(lines.replace(b"\n", b""))


def whole_page(body: bytes) -> Page:
    """Make a page of JSON Lines; ValueError means that the last one lost its end on the way."""
    lines = _whole_lines(body)
    return Page(lines, count_rows(lines), len(lines))


def _read_gzipped(answer: Answer, max_bytes: int | None) -> Page:
    if answer.headers.get("Content-Encoding", "").lower() != "gzip":
        page = whole_page(answer.body)
        return Page(gzip.compress(page.data) if page.data else b"", page.rows, page.size)
    plain = gzip.decompress(answer.body, max_bytes)
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
