"""The items of a dataset for tasks written in Python: one by one, or divided among mapped tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow_provider_apify.api.arguments import number, resource_ref
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.item_pages import DatasetSource
from airflow_provider_apify.export.item_ranges import count_items
from airflow_provider_apify.export.item_selection import select
from airflow_provider_apify.export.parallel_reader import read_pages


def iterate_items(
    client: Client, dataset_id: str, *, concurrency: int = DEFAULT_CONCURRENCY, **selection: Any
) -> Iterator[dict[str, Any]]:
    """
    Give the items of a dataset, oldest first; pages are fetched ahead, several at a time.

    :param selection: arguments of :func:`~airflow_provider_apify.export.item_selection.select`.
    :raises ApifyConfigurationError: if an argument cannot be used; nothing was read.
    :raises ApifyDataError: if Apify gives fewer items than the dataset has.
    """
    source = _source(dataset_id, **selection)
    for page in read_pages(source, client, number("concurrency", concurrency, int, least=1)):
        # Line by line: the items of a page need many times its bytes.
        for line in page.data.splitlines():
            yield json.loads(line)


def split_dataset(
    send: Send, dataset_id: str, items_per_part: int, *, offset: int | None = None, limit: int | None = None
) -> list[dict[str, int]]:
    """
    Divide the items of a dataset, or of a part of it, among exports; the last one has fewer items.

    :return: the arguments `offset` and `limit` of each export.
    """
    items: int = number("items_per_part", items_per_part, int, least=1)
    source = _source(dataset_id, offset=offset, limit=limit)
    end, last = count_items(source, send), source.selection.last
    if last is not None:
        end = min(end, last)
    return [
        {"offset": start, "limit": min(items, end - start)}
        for start in range(source.selection.offset, end, items)
    ]


def _source(dataset_id: str, **selection: Any) -> DatasetSource:
    resource_ref("dataset", dataset_id)
    return DatasetSource(dataset_id, select(**selection))
