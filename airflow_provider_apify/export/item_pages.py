"""Single pages of a dataset's items: the calls that ask for them, and the checks that an answer is whole."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_apify.api import datasets
from airflow_provider_apify.api.call import Answer, Call, marks_end, require_end
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
        return call.read_as(_has_row, max_bytes=page_size.MAX_ITEM_BYTES)

    def page(self, items: range) -> Call[Page]:
        """Ask for the selected rows of some items, which may be too large."""
        max_bytes = page_size.MAX_BYTES if len(items) > 1 else page_size.MAX_ITEM_BYTES

        def read(answer: Answer) -> Page:
            # Unless each item is one row, rows do not tell whether all items were read that were asked for.
            if not self.selection.one_row_per_item and applied_limit(answer.headers) < len(items):
                raise ApifyTooLargeError(f"Apify gives fewer than {len(items):,} items at once.")
            return _read_page(answer, max_bytes, self)

        headers = {"Accept-Encoding": "gzip"}
        return self._rows(items.start, len(items)).read_as(
            read, raw=True, max_bytes=max_bytes, headers=headers
        )

    def all_rows(self, format_name: str = "jsonl") -> Call[Any]:
        """Ask for all selected rows at once, in one of Apify's formats."""
        return self._rows(self.selection.offset, self.selection.limit, format_name)

    def _rows(self, offset: int, limit: int | None, format_name: str = "jsonl") -> Call[Any]:
        params = {**self.selection.shape, "format": format_name, "offset": offset, "limit": limit}
        return datasets.request_items(self.dataset_id, params)


def applied_limit(headers: Mapping[str, str]) -> float:
    """Return the limit that Apify went by, which may be lower than the one that was asked for."""
    return int(headers.get("X-Apify-Pagination-Limit") or 0) or math.inf


def count_rows(lines: bytes) -> int:
    """Count JSON Lines, each of which has its end; ValueError means that they are something else."""
    # The headers have said that these are items. What a server or a proxy may write in their place all the
    # same, before or after rows, shows at the ends; to look at each line would be 20 times the work.
    if lines and not (lines.startswith(b"{") and lines.endswith(b"}\n")):
        raise ValueError("a row is not a JSON object")
    # `bytes.count` looks at every byte; `replace` runs from line end to line end, several times faster.
    return len(lines) - len(lines.replace(b"\n", b""))


def whole_page(body: bytes, *, ended: bool = False) -> Page:
    """
    Make a page of JSON Lines; ValueError means that they are something else, or not whole.

    :param body: the lines, of which the last one may have no end.
    :param ended: whether anything else has told that the body is whole.
    """
    lines = body
    if body and not body.endswith(b"\n"):
        if not ended:
            # Only that it can be read tells that the last row did not lose its end on the way.
            json.loads(body[body.rfind(b"\n") + 1 :])
        lines = body + b"\n"
    return Page(lines, count_rows(lines), len(lines))


def _read_page(answer: Answer, max_bytes: int, source: DatasetSource) -> Page:
    """Read a page that was asked for in a compressed form: this has an end of its own, whatever cuts it."""
    packed = answer.headers.get("Content-Encoding", "").lower() == "gzip"
    if not packed and not source.selection.one_row_per_item:
        require_end(answer.headers)
    plain = gzip.decompress(answer.body, max_bytes) if packed else answer.body
    page = whole_page(plain, ended=packed or marks_end(answer.headers))
    if not source.gzipped:
        return page
    # Members of a gzip file may follow each other, so a missing line end is added as a member of its own.
    members = [answer.body if packed else gzip.compress(plain)]
    if page.size > len(plain):
        members.append(gzip.compress(b"\n"))
    return replace(page, data=b"".join(members) if page.rows else b"")


def _has_row(answer: Answer) -> bool:
    found = whole_page(answer.body, ended=marks_end(answer.headers)).rows > 0
    # The headers say the same as an empty body, which alone may have been cut.
    if not found and answer.headers.get("X-Apify-Pagination-Count") != "0":
        require_end(answer.headers)
    return found
