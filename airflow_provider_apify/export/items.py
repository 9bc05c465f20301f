"""The items of a dataset, one by one, for tasks written in Python."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.api.flow import drive
from airflow_provider_apify.api.arguments import number, resource_ref
from airflow_provider_apify.export import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.ranges import share
from airflow_provider_apify.export.reading import read_pages, read_pages_async
from airflow_provider_apify.export.selection import select
from airflow_provider_apify.export.source import DatasetSource

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook


class ItemIterator:
    """
    `for item in hook.iterate_items(id)`, or `async for item in hook.iterate_items.aio(id)`.

    Pages are fetched ahead, several at a time, and at most so many of some megabytes are in memory.

    :param hook: the way to Apify.
    """

    def __init__(self, hook: ApifyHook) -> None:
        self._hook = hook

    def __call__(
        self, dataset_id: str, *, concurrency: int = DEFAULT_CONCURRENCY, **selection: Any
    ) -> Iterator[dict[str, Any]]:
        """
        Give all items of a dataset on a worker.

        :param dataset_id: ID, `username/name` or `username~name`.
        :param concurrency: how many requests at a time.
        :param selection: `offset`, `limit`, `desc`, `fields`, `omit`, `unwind`, `flatten`, `clean`,
            `skip_hidden`, `skip_empty` and `view`; see
            :class:`~airflow_provider_apify.export.selection.Selection`.
        :raises ApifyDataError: if Apify gives fewer items than the dataset has.
        """
        source = _source(dataset_id, selection)
        for page in read_pages(source, self._hook.get_conn(), _width(concurrency)):
            yield from _items(page.data)

    async def aio(
        self, dataset_id: str, *, concurrency: int = DEFAULT_CONCURRENCY, **selection: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """
        Give all items of a dataset on an event loop.

        :param dataset_id: see :meth:`__call__`; so are the others.
        :param concurrency: how many requests at a time.
        :param selection: which items.
        """
        source = _source(dataset_id, selection)
        width = _width(concurrency)
        async with self._hook.async_client() as client:
            async for page in read_pages_async(source, client.send, width):
                for item in _items(page.data):
                    yield item


def split_dataset(
    hook: ApifyHook, dataset_id: str, items_per_part: int, selection: dict[str, Any]
) -> list[dict[str, int]]:
    """
    Divide a dataset among mapped tasks, for :class:`~airflow_provider_apify.hooks.apify.ApifyHook`.

    :param hook: the way to Apify.
    :param dataset_id: which dataset.
    :param items_per_part: how many items a part has.
    :param selection: `offset` and `limit` of the whole.
    """
    items = number("items_per_part", items_per_part, int, least=1)
    parts = drive(share(_source(dataset_id, selection), items), hook.send)
    return [{"offset": part.start, "limit": part.stop - part.start} for part in parts]


def _source(dataset_id: str, selection: dict[str, Any]) -> DatasetSource:
    resource_ref("dataset", dataset_id)
    return DatasetSource(dataset_id, select(**selection))


def _width(concurrency: int) -> int:
    width: int = number("concurrency", concurrency, int, least=1)
    return width


def _items(page: bytes) -> Iterator[dict[str, Any]]:
    # Line by line: the items of a page need many times its bytes.
    for line in page.splitlines():
        yield json.loads(line)
