"""
Which ranges of items to ask for, and what a range that came back is worth. Free of I/O.

How many items a dataset has is not known for sure: Apify's counts lag some seconds behind, the
`X-Apify-Pagination-*` headers may be stale or zero, and with `clean`, `skipEmpty`, `unwind` or a view a page
may have any number of rows. But a dataset only grows at its end, so two things are sure: an item that has
been seen, or counted by the API, proves that all before it are there; and a raw page that is empty proves
that there is nothing from its offset on.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyDataError, ApifyTooLargeError
from airflow_provider_apify.api.flow import Flow, Pause
from airflow_provider_apify.api.retry import delay
from airflow_provider_apify.export.source import DatasetSource, Page, Range

T = TypeVar("T")

# How often items that must be there are asked for again: as long as Apify's copies may lag, some 15 s.
_PATIENCE = 6
# A page in memory: large enough for the wire's speed, small enough for many at once.
_LARGEST_PAGE = 4 << 20
_SMALLEST_PAGE = 1 << 19
_MOST_ROWS = 50_000
_FIRST_ROWS = 1_000


class PageSize:
    """
    How many items to ask for at once, learned from the dataset's own figures and from what came.

    :param connections: how many requests there are at once.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._target = _SMALLEST_PAGE
        self._items = 0
        self._bytes = 0

    @property
    def items(self) -> int:
        """Items to ask for."""
        if not self._bytes:
            return _FIRST_ROWS
        return max(1, min(self._target * self._items // self._bytes, _MOST_ROWS))

    def expect(self, metadata: dict[str, Any]) -> None:
        """
        Take the dataset's own figures for a start.

        :param metadata: the dataset object of the API.
        """
        stats = metadata.get("stats") or {}
        total = int(stats.get("inflatedBytes") or stats.get("storageBytes") or 0)
        # A small dataset is spread over all connections, too.
        self._target = max(_SMALLEST_PAGE, min(total // (2 * self._connections), _LARGEST_PAGE))
        if metadata.get("itemCount"):
            self._items, self._bytes = int(metadata["itemCount"]), total

    def learn(self, range_: Range, pages: Sequence[Page]) -> None:
        """
        Take note of what a range turned out to be.

        :param range_: the items.
        :param pages: their rows.
        """
        items, size = range_.stop - range_.start, sum(page.size for page in pages)
        # What came last counts most: items at the start of a dataset need not be like those at its end.
        self._items, self._bytes = max(1, (self._items + items) // 2), max(1, (self._bytes + size) // 2)


Plan = Generator[Range | Call[Any], Any, None]


@dataclass(frozen=True)
class Extent:
    """
    How far a dataset reaches.

    :param items: how many items it has at least.
    :param proven: whether it had no more when that was looked at.
    """

    items: int
    proven: bool = False


def survey(source: DatasetSource, page_size: PageSize) -> Flow[Extent]:
    """
    Find out how far a dataset reaches.

    :param source: the dataset.
    :param page_size: told of the dataset's figures.
    """
    metadata = yield source.metadata()
    page_size.expect(metadata)
    items = int(metadata.get("itemCount") or 0)
    return Extent(items, proven=not (yield source.look(items)))


def plan(source: DatasetSource, page_size: PageSize, start: int, extent: Extent | None = None) -> Plan:
    """
    Say which ranges to fetch, in order, up to the proven end; every range consists of items that exist.

    Yields ranges, which may be fetched at once, and calls, whose result has to be sent in.

    :param source: the dataset.
    :param page_size: how large the ranges are.
    :param start: the first item.
    :param extent: how far the dataset reaches, if that is known already.
    :raises ApifyDataError: if it is read from its end, and that moves.
    """
    if extent is None:
        metadata = yield source.metadata()
        page_size.expect(metadata)
        extent = Extent(int(metadata.get("itemCount") or 0))
    if source.selection.desc:
        yield from _plan_backwards(source, page_size, extent.items)
        return
    position, known, last = start, extent.items, source.selection.last
    reach = 0
    while last is None or position < last:
        end = known if last is None else min(known, last)
        while position < end:
            stop = min(position + page_size.items, end)
            yield Range(position, stop)
            position = stop
        if position == last or (extent.proven and position == extent.items):
            return
        reach = max(2 * reach, page_size.items)
        found = yield from _reach(source, position, reach)
        if not found:
            return
        known = position + found


def fetch(source: DatasetSource, range_: Range, step: int) -> Flow[tuple[list[Page], Range]]:
    """
    Get the rows of a range of items that exist.

    Where items are larger than was expected, as many as fit in memory; the rest can wait until others have
    been written.

    :param source: the dataset.
    :param range_: which items.
    :param step: how many to ask for at once.
    :return: the rows, and the rest of the range.
    :raises ApifyDataError: if Apify gives fewer or more than it has.
    """
    pages: list[Page] = []
    start, misses = range_.start, 0
    while start < range_.stop and sum(page.size for page in pages) < _LARGEST_PAGE:
        asked = Range(start, min(start + step, range_.stop))
        try:
            page: Page = yield source.page(asked)
        except ApifyTooLargeError:
            step = (asked.stop - asked.start) // 2
            continue
        pages.append(page)
        if not source.selection.one_row_per_item:
            start = asked.stop
            continue
        if page.rows > asked.stop - asked.start:
            raise ApifyDataError(
                f"Apify gave {page.rows} rows for the {asked.stop - asked.start} items from {asked.start} on."
            )
        start += page.rows
        if not page.rows:
            misses += 1
            if misses >= _PATIENCE:
                raise ApifyDataError(
                    f"Apify gives no items from {start:,} on, though there are at least {range_.stop:,}. Try "
                    "again later; if it lasts, the dataset is damaged."
                )
            yield Pause(delay(misses))
    return pages, Range(start, range_.stop)


def _plan_backwards(source: DatasetSource, page_size: PageSize, known: int) -> Plan:
    # Counted from the newest item, all places shift with each new one: the end must be known, and stay.
    known = yield from _count(source, known)
    position, last = source.selection.offset, source.selection.last
    end = known if last is None else min(known, last)
    while position < end:
        stop = min(position + page_size.items, end)
        yield Range(position, stop)
        position = stop
    if (yield source.look(known)):
        raise ApifyDataError(
            f"The dataset {source.dataset_id} grew while it was read with the newest items first, so some "
            "may be missing or double. Wait until its run has finished, or leave out `desc`."
        )


def ask(call: Call[T]) -> Flow[T]:
    """
    Send a single call.

    :param call: what is asked.
    """
    result: T = yield call
    return result


def share(source: DatasetSource, items: int) -> Flow[list[Range]]:
    """
    Divide the items of a dataset among several exports.

    :param source: the dataset.
    :param items: how many items each of them has, the last one fewer.
    """
    metadata = yield source.metadata()
    end = yield from _count(source, int(metadata.get("itemCount") or 0))
    if source.selection.last is not None:
        end = min(end, source.selection.last)
    return [Range(start, min(start + items, end)) for start in range(source.selection.offset, end, items)]


def _count(source: DatasetSource, known: int) -> Generator[Call[Any], Any, int]:
    """Return how many items there are, given how many there are at least."""
    reach = _FIRST_ROWS
    while found := (yield from _reach(source, known, reach)):
        known += found
        reach *= 2
    return known


def _reach(source: DatasetSource, position: int, reach: int) -> Generator[Call[Any], Any, int]:
    """Return how many items there are from a position on, counting up to some number of them."""
    if not (yield source.look(position)):
        return 0
    if (yield source.look(position + reach - 1)):
        return reach
    there, not_there = 1, reach
    while not_there - there > 1:
        middle = (there + not_there) // 2
        if (yield source.look(position + middle - 1)):
            there = middle
        else:
            not_there = middle
    return there
