"""Download a file that only Apify can render, and only whole, and check that all items are in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from airflow_provider_apify.api.errors import ApifyDataError, ApifyInputError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.formats.rendered_row_count import count_rows
from airflow_provider_apify.export.item_pages import DatasetSource, Page, applied_limit
from airflow_provider_apify.export.item_ranges import survey
from airflow_provider_apify.export.page_size import PageSize

_BLOCK_BYTES = 1 << 20
_INSTEAD = "Use `jsonl`, `csv` or `parquet` instead: they have no limits."


def download_rendered(source: DatasetSource, client: Client, format_name: str) -> Iterator[Page]:
    """
    Have Apify render a file, and give it, block by block, once it has come whole.

    :raises ApifyDataError: if Apify cannot render the file, or the file is not complete.
    """
    extent = survey(source, PageSize(1), client.send)
    with tempfile.TemporaryFile() as file:
        try:
            headers = client.download(source.all_rows(format_name), file)
        except ApifyInputError as error:
            raise ApifyDataError(
                f"Apify cannot make {format_name} of the dataset {source.dataset_id}. {_INSTEAD} ({error})"
            ) from error
        try:
            rows = count_rows(format_name, file)
        except ValueError as error:
            raise ApifyDataError(
                f"The {format_name} that Apify made of the dataset {source.dataset_id} is not complete "
                f"({error}). {_INSTEAD}"
            ) from error
        last = source.selection.last
        items = (extent.items if last is None else min(extent.items, last)) - source.selection.offset
        if applied_limit(headers) < items or (source.selection.one_row_per_item and rows < items):
            raise ApifyDataError(
                f"Apify put {rows:,} rows of the {items:,} items of the dataset {source.dataset_id} into its "
                f"{format_name}. {_INSTEAD}"
            )
        file.seek(0)
        while block := file.read(_BLOCK_BYTES):
            yield Page(block, rows, len(block))
            rows = 0
