"""
Which ranges of items to ask for, how mapped tasks divide a dataset, and where a dataset ends.

How many items a dataset has is not known for sure: Apify's counts lag some seconds behind, the
`X-Apify-Pagination-*` headers may be stale or zero, and with `clean`, `skipEmpty`, `unwind` or a view a page
may have any number of rows. But a dataset only grows at its end, so two things are sure: an item that has
been seen, or counted by the API, proves that all before it are there; and a raw page that is empty proves
that there is nothing from its offset on.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.arguments import number
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.flow import Send, drive
from airflow_provider_apify.api.item_selection import select
from airflow_provider_apify.export import page_size
from airflow_provider_apify.export.item_pages import DatasetSource
from airflow_provider_apify.export.page_size import PageSize

#: A range of items, which may be fetched at once, or a call, whose result the plan needs to go on.
Step = range | Call[Any]
Plan = Generator[Step, Any, None]


@dataclass(frozen=True)
class Extent:
    """How far a dataset reaches."""

    #: How many items the dataset has at least.
    items: int
    #: Whether the dataset had no more items when its end was looked at.
    proven: bool = False


def survey(source: DatasetSource, size: PageSize, send: Send) -> Extent:
    """Find out how far a dataset reaches, and tell the page size of its figures."""
    items = size.expect(send(source.metadata()))
    return Extent(items, proven=not send(source.has_item(items)))


def plan(source: DatasetSource, size: PageSize, start: int, extent: Extent | None = None) -> Plan:
    """Give the ranges to fetch, in order, up to the proven end; every range consists of items that exist."""
    if extent is None:
        extent = Extent(size.expect((yield source.metadata())))
    position, known, last = start, extent.items, source.selection.last
    reach = 0
    while last is None or position < last:
        end = known if last is None else min(known, last)
        while position < end:
            stop = min(position + size.items, end)
            yield range(position, stop)
            position = stop
        if position == last or (extent.proven and position == extent.items):
            return
        reach = max(2 * reach, size.items)
        found = yield from _count_up_to(reach, source, position)
        if not found:
            return
        known = position + found


def split_dataset(
    send: Send, dataset_id: str, items_per_part: int, *, offset: int | None = None, limit: int | None = None
) -> list[dict[str, int]]:
    """Divide items among exports, the last of which has fewer; return `offset` and `limit` of each export."""
    items: int = number("items_per_part", items_per_part, int, least=1, required=True)
    source = DatasetSource(dataset_id, select(offset=offset, limit=limit))
    end, last = _count_items(source, send), source.selection.last
    if last is not None:
        end = min(end, last)
    starts = range(source.selection.offset, end, items)
    return [{"offset": start, "limit": min(items, end - start)} for start in starts]


def _count_items(source: DatasetSource, send: Send) -> int:
    """Count a dataset's items for sure."""
    known: int = send(source.metadata())["itemCount"]
    reach = page_size.FIRST_ITEMS
    while found := drive(_count_up_to(reach, source, known), send):
        known += found
        reach *= 2
    return known


def _count_up_to(most: int, source: DatasetSource, position: int) -> Generator[Call[Any], Any, int]:
    """Return how many items there are from a position on, counting up to `most` of them."""
    if not (yield source.has_item(position)):
        return 0
    if (yield source.has_item(position + most - 1)):
        return most
    there, not_there = 1, most
    while not_there - there > 1:
        middle = (there + not_there) // 2
        if (yield source.has_item(position + middle - 1)):
            there = middle
        else:
            not_there = middle
    return there
