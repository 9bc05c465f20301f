"""From a dataset to a file: reads, lays out, writes, counts, and tells how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.transport import Client
from airflow_provider_apify.export.destinations import Destination
from airflow_provider_apify.export.formats import Format
from airflow_provider_apify.export.reading import read_pages
from airflow_provider_apify.export.selection import Selection
from airflow_provider_apify.export.source import DatasetSource, Page

_PROGRESS_SECONDS = 10.0


@dataclass
class Progress:
    """
    How far an export is; logged now and then.

    :param log: the logger.
    """

    log: Any
    rows: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self.started = self._logged = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self.started

    def count(self, pages: Iterable[Page]) -> Iterator[bytes]:
        """
        Pass pages on, and count them.

        :param pages: the pages.
        """
        for page in pages:
            self.rows += page.rows
            self.size += page.size
            yield page.data
            if time.monotonic() - self._logged >= _PROGRESS_SECONDS:
                self._logged = time.monotonic()
                self.log.info("Read %s, %s", self, f"{self.size / self.seconds / 1e6:.1f} MB/s.")

    def __str__(self) -> str:
        return f"{self.rows:,} rows ({self.size / 1e6:,.1f} MB) in {self.seconds:.1f} s"


def export(
    dataset_id: str,
    selection: Selection,
    format_: Format,
    destination: Destination,
    *,
    client: Client,
    concurrency: int,
    log: Any,
) -> dict[str, Any]:
    """
    Export a dataset into one file, which is there, whole, or not at all.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param selection: which rows.
    :param format_: how they are laid out.
    :param destination: where they go.
    :param client: sends calls to Apify.
    :param concurrency: how many requests at a time.
    :param log: told of the progress.
    :return: what was written, for XCom.
    """
    written = 0
    with destination.open() as sink:
        progress = Progress(log)
        source = DatasetSource(dataset_id, selection, gzipped=format_.takes_pages_gzipped)
        pages = progress.count(read_pages(source, client, concurrency))
        for chunk in format_.lay_out(pages):
            sink.write(chunk)
            written += len(chunk)
        sink.commit()
    log.info("Wrote %s to %s.", progress, destination.uri)
    return {
        "dataset_id": dataset_id,
        "destination": destination.uri,
        "rows": progress.rows,
        "bytes": written,
        "files": 1,
        "duration": round(progress.seconds, 3),
    }
