"""Two thin drivers of one plan: pages of a dataset in order, several of them on their way at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from airflow_provider_apify.api.calls import Call
from airflow_provider_apify.api.flows import drive, drive_async
from airflow_provider_apify.export.ranges import PageSize, fetch, plan
from airflow_provider_apify.export.source import DatasetSource, Page, Range

Send = Callable[[Call[Any]], Any]
AsyncSend = Callable[[Call[Any]], Coroutine[Any, Any, Any]]

#: Requests at a time, unless told otherwise.
DEFAULT_CONCURRENCY = 8


def read_pages(source: DatasetSource, send: Send, concurrency: int = DEFAULT_CONCURRENCY) -> Iterator[Page]:
    """
    Read a dataset on a worker.

    :param source: the dataset.
    :param send: sends a call; used by several threads at once.
    :param concurrency: how many requests at a time; at most so many pages wait in memory, and as many again
        are on their way.
    """
    page_size = PageSize(concurrency)
    steps = plan(source, page_size)
    window: deque[tuple[Range | Call[Any], Future[Any]]] = deque()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="apify-export")
    try:
        step = next(steps, None)
        while step or window:
            # A call's result decides what comes next, so nothing is asked for beyond it.
            while step and len(window) <= concurrency:
                work = (send, step) if isinstance(step, Call) else (drive, fetch(source, step), send)
                window.append((step, pool.submit(*work)))
                step = None if isinstance(step, Call) else next(steps, None)
            done, future = window.popleft()
            result = future.result()
            if isinstance(done, Call):
                step = _advance(steps, result)
                continue
            page_size.learn(done.stop - done.start, sum(page.size for page in result))
            yield from result
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
    steps = plan(source, page_size)
    window: deque[tuple[Range | Call[Any], asyncio.Task[Any]]] = deque()
    try:
        step = next(steps, None)
        while step or window:
            while step and len(window) < concurrency:
                work = send(step) if isinstance(step, Call) else drive_async(fetch(source, step), send)
                window.append((step, asyncio.ensure_future(work)))
                step = None if isinstance(step, Call) else next(steps, None)
            done, task = window[0]
            result = await task
            window.popleft()
            if isinstance(done, Call):
                step = _advance(steps, result)
                continue
            page_size.learn(done.stop - done.start, sum(page.size for page in result))
            for page in result:
                yield page
    finally:
        for _, task in window:
            task.cancel()
        await asyncio.gather(*(task for _, task in window), return_exceptions=True)


def _advance(steps: Any, result: Any) -> Range | Call[Any] | None:
    try:
        step: Range | Call[Any] = steps.send(result)
    except StopIteration:
        return None
    return step
