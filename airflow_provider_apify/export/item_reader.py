"""Two thin drivers of one plan: pages of a dataset in order, several of them on their way at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.flow import Flow, drive, drive_async
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.memory import tune_malloc
from airflow_provider_apify.export.ranges import PageSize, Plan, ask, fetch, plan, survey
from airflow_provider_apify.export.source import DatasetSource, Page, Range
from airflow_provider_apify.export.sprint import may_sprint, sprint

AsyncSend = Callable[[Call[Any]], Coroutine[Any, Any, Any]]


def read_pages(
    source: DatasetSource, client: Client, concurrency: int = DEFAULT_CONCURRENCY
) -> Iterator[Page]:
    """
    Read a dataset on a worker.

    :param source: the dataset.
    :param client: the way to Apify.
    :param concurrency: how many requests at a time; so many pages are in memory at the most.
    """
    tune_malloc()
    page_size = PageSize(concurrency)
    start, extent = source.selection.offset, None
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="apify-export")
    try:
        if may_sprint(source):
            surveyed = pool.submit(drive, survey(source, page_size), client.send)
            for page in sprint(source, client):
                start += page.rows
                yield page
            extent = surveyed.result()

        def launch(step: Range | Call[Any]) -> tuple[Range | Call[Any], Future[Any]]:
            return step, pool.submit(drive, _flow(source, step, page_size), client.send)

        steps = plan(source, page_size, start, extent)
        window: deque[tuple[Range | Call[Any], Future[Any]]] = deque()
        step = next(steps, None)
        while step or window:
            # A call's result decides what comes next, so nothing is asked for beyond it.
            while step and len(window) < concurrency:
                window.append(launch(step))
                step = None if isinstance(step, Call) else next(steps, None)
            done, future = window.popleft()
            result = future.result()
            if isinstance(done, Call):
                step = _advance(steps, result)
                continue
            pages, rest = _take(page_size, done, *result)
            if rest is not None:
                window.appendleft(launch(rest))
            yield from pages
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def read_pages_async(
    source: DatasetSource, send: AsyncSend, concurrency: int = DEFAULT_CONCURRENCY
) -> AsyncIterator[Page]:
    """
    Read a dataset on an event loop; otherwise as :func:`read_pages`.

    :param source: the dataset.
    :param send: sends a call.
    :param concurrency: how many requests at a time.
    """
    page_size = PageSize(concurrency)

    def launch(step: Range | Call[Any]) -> tuple[Range | Call[Any], asyncio.Task[Any]]:
        return step, asyncio.create_task(drive_async(_flow(source, step, page_size), send))

    steps = plan(source, page_size, source.selection.offset)
    window: deque[tuple[Range | Call[Any], asyncio.Task[Any]]] = deque()
    step = next(steps, None)
    try:
        while step or window:
            while step and len(window) < concurrency:
                window.append(launch(step))
                step = None if isinstance(step, Call) else next(steps, None)
            done, task = window[0]
            result = await task
            window.popleft()
            if isinstance(done, Call):
                step = _advance(steps, result)
                continue
            pages, rest = _take(page_size, done, *result)
            if rest is not None:
                window.appendleft(launch(rest))
            for page in pages:
                yield page
    finally:
        for _, task in window:
            task.cancel()
        await asyncio.gather(*(task for _, task in window), return_exceptions=True)


def _flow(source: DatasetSource, step: Range | Call[Any], page_size: PageSize) -> Flow[Any]:
    if isinstance(step, Call):
        return ask(step)
    return fetch(source, step, min(page_size.items, step.stop - step.start))


def _take(
    page_size: PageSize, asked: Range, pages: list[Page], rest: Range
) -> tuple[list[Page], Range | None]:
    """Learn from what came of a range; return its rows, and what is left of it, if anything."""
    page_size.learn(Range(asked.start, rest.start), pages)
    return pages, rest if rest.start < rest.stop else None


def _advance(steps: Plan, result: Any) -> Range | Call[Any] | None:
    try:
        step: Range | Call[Any] = steps.send(result)
    except StopIteration:
        return None
    return step
