"""Read the pages or the items of a dataset in order, several pages at a time, each in a thread of its own."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from airflow_provider_apify.api.arguments import number
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyDataError, ApifyTooLargeError
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.api.item_selection import select
from airflow_provider_apify.api.retry import delay
from airflow_provider_apify.export import page_size
from airflow_provider_apify.export.default_concurrency import MAX_CONCURRENCY
from airflow_provider_apify.export.first_stream import may_stream, stream_pages
from airflow_provider_apify.export.formats.jsonl import read_rows
from airflow_provider_apify.export.freed_memory import tune_malloc
from airflow_provider_apify.export.item_pages import DatasetSource, Page
from airflow_provider_apify.export.item_ranges import Step, plan, survey
from airflow_provider_apify.export.page_size import PageSize

# How often items that must be there are asked for again: as long as Apify's copies may lag, some 15 s.
_MAX_MISSES = 6


def iterate_items(client: Client, dataset_id: str, concurrency: int, **selection: Any) -> Iterator[Any]:
    """Give the items of a dataset, oldest first, to tasks written in Python."""
    source = DatasetSource(dataset_id, select(**selection))
    at_once = number("concurrency", concurrency, int, least=1, most=MAX_CONCURRENCY, required=True)
    # Line by line: the items of a page need many times its bytes.
    lines = (line for page in read_pages(source, client, at_once) for line in page.data.split(b"\n")[:-1])
    for row, line in enumerate(lines):
        yield read_rows(_item, line, dataset_id, row)


def _item(line: bytes) -> dict[str, Any]:
    item = json.loads(line)
    if type(item) is not dict:
        raise ValueError("it is not a JSON object")
    return item


def read_pages(source: DatasetSource, client: Client, concurrency: int) -> Iterator[Page]:
    """Read a dataset with so many requests, and as many ranges of some megabytes in memory, at a time."""
    tune_malloc()
    size = PageSize(concurrency)
    start, extent = source.selection.offset, None
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="apify-export")
    try:
        if may_stream(source):
            surveyed = pool.submit(survey, source, size, client.send)
            for page in stream_pages(source, client):
                start += page.rows
                _refuse_surplus(source, range(source.selection.offset, start), source.selection.last)
                yield page
            extent = surveyed.result()

        def launch(step: Step) -> tuple[Step, Future[Any]]:
            if isinstance(step, Call):
                return step, pool.submit(client.send, step)
            return step, pool.submit(_fetch, source, step, min(size.items, len(step)), client.send)

        steps = plan(source, size, start, extent)
        # Steps that are on their way, in the order in which their pages are given.
        window: deque[tuple[Step, Future[Any]]] = deque()
        step = next(steps, None)
        while step or window:
            # A call's result decides what comes next, so nothing is asked for beyond it.
            while step and len(window) < concurrency:
                window.append(launch(step))
                step = None if isinstance(step, Call) else next(steps, None)
            asked, future = window.popleft()
            if isinstance(asked, Call):
                # A plan that ends here leaves `step` at None.
                with suppress(StopIteration):
                    step = steps.send(future.result())
                continue
            pages, rest = future.result()
            size.learn(rest.start - asked.start, sum(page.size for page in pages))
            if rest:
                window.appendleft(launch(rest))
            yield from pages
    finally:
        pool.shutdown(wait=False)


def _fetch(source: DatasetSource, items: range, step: int, send: Send) -> tuple[list[Page], range]:
    """
    Get the rows of items that exist, `step` of them at once; return the rows, and the range that is left.

    Where items are larger than was expected, only as many are read as fit in memory; the rest can wait until
    others have been written.
    """
    pages: list[Page] = []
    start, misses = items.start, 0
    while start < items.stop and sum(page.size for page in pages) < page_size.TARGET_BYTES:
        asked = range(start, min(start + step, items.stop))
        try:
            page = send(source.page(asked))
        except ApifyTooLargeError as error:
            if len(asked) == 1:
                raise ApifyTooLargeError(
                    f"The rows of item {start:,} (from 0) of the dataset {source.dataset_id} have more than "
                    f"{page_size.MAX_ITEM_BYTES:,} bytes. Leave its large fields out with `omit`, do without "
                    "`unwind`, or export the items before and after it with `offset` and `limit`."
                ) from error
            step = len(asked) // 2
            continue
        pages.append(page)
        if not source.selection.one_row_per_item:
            start = asked.stop
            continue
        _refuse_surplus(source, range(start, start + page.rows), asked.stop)
        start += page.rows
        if not page.rows:
            misses += 1
            if misses >= _MAX_MISSES:
                raise ApifyDataError(
                    f"Apify gives no items from {start:,} on, though the dataset {source.dataset_id} has at "
                    f"least {items.stop:,}. Try again later; if the error lasts, the dataset is damaged."
                )
            time.sleep(delay(misses))
    return pages, range(start, items.stop)


def _refuse_surplus(source: DatasetSource, given: range, end: int | None) -> None:
    """Refuse rows beyond the end of what was asked for, if it has one, where each item is one row."""
    if end is not None and given.stop > end:
        raise ApifyDataError(
            f"Apify gave {len(given):,} rows for the {end - given.start:,} items from {given.start:,} on of "
            f"the dataset {source.dataset_id}, where each item is one row. Try again later."
        )
