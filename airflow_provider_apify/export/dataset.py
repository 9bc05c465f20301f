"""From a dataset to a file: reads, lays out, writes, counts, and tells how far it is."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyDataError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.destinations import Destination, Sink
from airflow_provider_apify.export.formats import Format, compressed
from airflow_provider_apify.export.layout import Layout
from airflow_provider_apify.export.parts import Part, manifest, manifest_name, part_name, split
from airflow_provider_apify.export.reading import read_pages
from airflow_provider_apify.export.selection import Selection
from airflow_provider_apify.export.source import DatasetSource, Page
from airflow_provider_apify.export.spool import surveyed
from airflow_provider_apify.export.table import CsvOptions
from airflow_provider_apify.export.whole import read_whole

_PROGRESS_SECONDS = 10.0


@dataclass
class Progress:
    """
    How far an export is; logged now and then.

    :param log: the logger.
    :param total: asks how many rows there are; asked once, when there is something to log.
    """

    log: Any
    total: Callable[[], int]
    rows: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self._of = 0
        self.started = self._logged = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self.started

    def count(self, pages: Iterable[Page], require: Callable[[int], None]) -> Iterator[Page]:
        """
        Pass pages on, and count them.

        :param pages: the pages.
        :param require: told how many rows these were.
        """
        for page in pages:
            self.rows += page.rows
            self.size += page.size
            yield page
            if time.monotonic() - self._logged >= _PROGRESS_SECONDS:
                self._logged = time.monotonic()
                self._of = self._of or self.total()
                left = max(0, self._of - self.rows) * self.seconds / max(1, self.rows)
                rate = self.size / self.seconds / 1e6
                self.log.info(
                    "Read %s of some %s, %.1f MB/s; %.0f s to go.", self, f"{self._of:,}", rate, left
                )
        require(self.rows)

    def __str__(self) -> str:
        return f"{self.rows:,} rows ({self.size / 1e6:,.1f} MB) in {self.seconds:.1f} s"


@dataclass(frozen=True, kw_only=True)
class Job:
    """
    An export.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param selection: which rows.
    :param format: what kind of file they go into.
    :param csv: how CSV is written.
    :param destination: where they go.
    :param rows_per_file: how many rows a file has at the most; None for one file.
    :param expected_rows: how many rows there must be.
    :param fail_on_empty: whether there must be any.
    :param checksum: whether the result tells the SHA-256 of a single file; a manifest always does.
    :param concurrency: how many requests at a time.
    """

    dataset_id: str
    selection: Selection
    format: Format
    csv: CsvOptions
    destination: Destination
    rows_per_file: int | None
    expected_rows: int | None
    fail_on_empty: bool
    checksum: bool
    concurrency: int

    def require(self, rows: int) -> None:
        """
        Stop if there are not as many rows as was asked for.

        :param rows: how many there are.
        :raises ApifyDataError: if so.
        """
        if self.expected_rows is not None and rows != self.expected_rows:
            raise ApifyDataError(
                f"The dataset {self.dataset_id} gave {rows:,} rows where {self.expected_rows:,} were "
                "expected. Nothing was left at the destination."
            )
        if self.fail_on_empty and not rows:
            raise ApifyDataError(
                f"The dataset {self.dataset_id} gave no row. See the log of the run that filled it. "
                "Nothing was left at the destination."
            )


def export(job: Job, client: Client, log: Any) -> dict[str, Any]:
    """
    Export a dataset into a file, or into several, which are there, whole, or not at all.

    :param job: what to export.
    :param client: the way to Apify.
    :param log: told of the progress.
    :return: what was written, for XCom.
    :raises ApifyConfigurationError: if that cannot be done; nothing was read.
    """
    if job.rows_per_file and job.format.made_by_apify:
        raise ApifyConfigurationError(
            f"Apify makes {job.format.name} as a whole. Leave out `rows_per_file`, or use `jsonl`, `csv` or "
            "`parquet`. Nothing was read."
        )
    layout = job.format.layout(job.csv)
    source = DatasetSource(job.dataset_id, job.selection, job.format.takes_gzip and not job.rows_per_file)
    progress = Progress(log, lambda: client.send(source.metadata())["itemCount"] or 0)
    write = _write_parts if job.rows_per_file else _write_file
    result = write(job, layout, lambda: progress.count(_pages(job, source, client), job.require))
    log.info("Wrote %s to %s.", progress, result["destination"])
    return {
        "dataset_id": job.dataset_id,
        **result,
        "rows": progress.rows,
        "duration": round(progress.seconds, 3),
    }


def _pages(job: Job, source: DatasetSource, client: Client) -> Iterator[Page]:
    if job.format.made_by_apify:
        return read_whole(source, client, job.format.name)
    return read_pages(source, client, job.concurrency)


def _write_file(job: Job, layout: Layout, read: Callable[[], Iterator[Page]]) -> dict[str, Any]:
    size, checksum = 0, hashlib.sha256()
    with job.destination.begin() as sink, surveyed(read(), layout) as pages:
        chunks = layout.lay_out(page.data for page in pages)
        if job.format.gzipped and not job.format.takes_gzip:
            chunks = compressed(chunks)
        for chunk in _never_empty(chunks, gzipped=job.format.gzipped):
            sink.write(chunk)
            size += len(chunk)
            if job.checksum:
                checksum.update(chunk)
        sink.commit()
    result = {**job.destination.address, "bytes": size, "files": 1}
    return result | ({"sha256": checksum.hexdigest()} if job.checksum else {})


def _never_empty(chunks: Iterator[bytes], *, gzipped: bool) -> Iterator[bytes]:
    """Pass chunks on; a compressed file without any is no compressed file."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        yield chunk
    if gzipped and not size:
        yield gzip.compress(b"")


def _write_parts(job: Job, layout: Layout, read: Callable[[], Iterator[Page]]) -> dict[str, Any]:
    assert job.rows_per_file
    whole = job.destination
    listing = whole.sibling(manifest_name(whole.name))
    parts: list[Part] = []
    with ExitStack() as sinks:
        # The manifest is opened first, as what says that there is an export already, and comes last.
        listed = sinks.enter_context(listing.begin())
        old = json.loads(listing.read() or b'{"files": []}')
        waiting: list[tuple[Sink, Destination]] = []
        with surveyed(read(), layout) as pages:
            for rows in split(pages, job.rows_per_file):
                destination = whole.sibling(part_name(whole.name, len(parts)))
                sink = sinks.enter_context(destination.begin())
                part = Part(destination.uri)
                _write_part(sink, part, layout, rows, gzipped=job.format.gzipped)
                sink.seal()
                waiting.append((sink, destination))
                parts.append(part)
        # Loaders take whatever has the name of a part, so none may be left of an export that had more.
        for number in range(len(parts), len(old["files"])):
            whole.sibling(part_name(whole.name, number)).delete()
        if old["files"]:
            listing.delete()
        # Now there is neither the old export nor the new one, until the manifest is there.
        with _all_or_none(waiting):
            listed.write(manifest(job.dataset_id, [part.entry() for part in parts]))
            listed.commit()
    return {
        **listing.address,
        "bytes": sum(part.size for part in parts),
        "files": len(parts),
    }


@contextmanager
def _all_or_none(files: list[tuple[Sink, Destination]]) -> Iterator[None]:
    """Commit files; take them back if one cannot be committed, or what follows fails."""
    committed: list[Destination] = []
    try:
        for sink, destination in files:
            sink.commit()
            committed.append(destination)
        yield
    except BaseException:
        for destination in committed:
            with suppress(Exception):
                destination.delete()
        raise


def _write_part(sink: Sink, part: Part, layout: Layout, pages: Iterator[Page], *, gzipped: bool) -> None:
    def counted() -> Iterator[bytes]:
        for page in pages:
            part.rows += page.rows
            yield page.data

    chunks = layout.lay_out(counted())
    for chunk in compressed(chunks) if gzipped else chunks:
        sink.write(chunk)
        part.add(chunk)
