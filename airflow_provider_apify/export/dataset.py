"""Export a dataset into a file, or into several: pages are read, counted, encoded, compressed and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyDataError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.api.item_selection import Selection
from airflow_provider_apify.export.disk_buffer import buffer_if_needed
from airflow_provider_apify.export.file_writer import write_rows
from airflow_provider_apify.export.formats.csv import CsvOptions
from airflow_provider_apify.export.formats.format_choice import Format
from airflow_provider_apify.export.formats.gzip import GzippedPages
from airflow_provider_apify.export.item_pages import DatasetSource, Page
from airflow_provider_apify.export.parallel_reader import read_pages
from airflow_provider_apify.export.parts_and_manifest import write_parts
from airflow_provider_apify.export.progress import Progress
from airflow_provider_apify.export.rendered_by_apify import download_rendered
from airflow_provider_apify.export.stores.destination import Destination


def export_dataset(
    dataset_id: str,
    destination: Destination,
    *,
    client: Client,
    log: Any,
    selection: Selection,
    file_format: Format,
    csv: CsvOptions,
    rows_per_file: int | None,
    expected_rows: int | None,
    fail_on_empty: bool,
    checksum: bool,
    concurrency: int,
) -> dict[str, Any]:
    """Export a dataset into whole files, or into none at all; return what was written, for XCom."""
    if rows_per_file and file_format.rendered_by_apify:
        raise ApifyConfigurationError(
            f"Apify makes {file_format.name} as a whole. Leave out `rows_per_file`, or use `jsonl`, `csv` or "
            "`parquet`. Nothing was read."
        )
    # Compressed pages go into the file as they are; but parts are cut between rows.
    gzipped_pages = file_format.takes_gzipped_pages and not rows_per_file
    source = DatasetSource(dataset_id, selection, gzipped_pages)
    encoder = GzippedPages() if gzipped_pages else file_format.encoder(csv)
    compress = file_format.gzipped and not gzipped_pages
    progress = Progress()

    if file_format.rendered_by_apify:
        pages = download_rendered(source, client, file_format.name)
    else:
        pages = read_pages(source, client, concurrency)
    pages = _watched(pages, progress, source, client, log)
    pages = _required(pages, progress, dataset_id, expected_rows, fail_on_empty)
    if rows_per_file:
        result = write_parts(destination, pages, encoder, rows_per_file, dataset_id, compress=compress)
    else:
        with destination.begin() as sink, buffer_if_needed(pages, encoder, dataset_id) as buffered:
            written = write_rows(sink, buffered, encoder, compress=compress, checksum=checksum)
            sink.commit()
        result = {**destination.address, **written, "files": 1}

    log.info("Wrote %s to %s.", progress.describe("rows"), result["destination"])
    return {"dataset_id": dataset_id, **result, "duration": round(progress.seconds, 3)}


def _watched(
    pages: Iterable[Page], progress: Progress, source: DatasetSource, client: Client, log: Any
) -> Iterator[Page]:
    """Pass pages on, count them, and log now and then how far the export is."""
    total = 0
    for page in pages:
        due = progress.add(page.rows, page.size)
        yield page
        if due:
            total = total or client.send(source.metadata())["itemCount"]
            log.info("Read %s of some %s, %s.", progress.describe("rows"), f"{total:,}", progress.left(total))


def _required(
    pages: Iterable[Page], progress: Progress, dataset_id: str, expected_rows: int | None, fail_on_empty: bool
) -> Iterator[Page]:
    """Pass pages on, and fail after the last one if the number of rows is not the required one."""
    yield from pages
    if expected_rows is not None and progress.count != expected_rows:
        raise ApifyDataError(
            f"The dataset {dataset_id} gave {progress.count:,} rows where {expected_rows:,} were expected. "
            "Nothing was left at the destination."
        )
    if fail_on_empty and not progress.count:
        raise ApifyDataError(
            f"The dataset {dataset_id} gave no row. See the log of the run that filled it. "
            "Nothing was left at the destination."
        )
