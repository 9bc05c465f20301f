"""Many files instead of one: where rows are cut, how parts are named, and the manifest that lists them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_apify.export.disk_buffer import buffer_if_needed
from airflow_provider_apify.export.file_writer import write_rows
from airflow_provider_apify.export.formats import Encoder
from airflow_provider_apify.export.item_pages import Page
from airflow_provider_apify.export.old_manifest import old_entries
from airflow_provider_apify.export.stores.destination import Destination, Sink


def manifest(dataset_id: str, results: Iterable[Mapping[str, Any]]) -> bytes:
    """
    Make a manifest of an export in many files, by one task or by many.

    :param dataset_id: the dataset that the rows are of.
    :param results: `destination`, `rows`, `bytes` and `sha256` of each file, in the order of the rows; the
        results of mapped transfers with `checksum=True` have these, too.
    """
    names = ("destination", "rows", "bytes", "sha256")
    files = [{name: result[name] for name in names} for result in results]
    whole = {"dataset_id": dataset_id, **_totals(files), "files": files}
    return json.dumps(whole, indent=1).encode() + b"\n"


def _totals(files: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(file[name] for file in files) for name in ("rows", "bytes")}


def write_parts(
    whole: Destination, pages: Iterable[Page], encoder: Encoder, rows: int, dataset_id: str, *, compress: bool
) -> dict[str, Any]:
    """Write parts of `whole`, of so many rows each, and their manifest; return their totals."""
    # Loaders pass over names with an underscore at the start.
    listing = whole.sibling(f"_{whole.name}.manifest.json")
    parts: list[dict[str, Any]] = []
    with ExitStack() as sinks:
        # The manifest is opened first, as what says that there is an export already, and comes last.
        listed = sinks.enter_context(listing.begin())
        old = old_entries(listing, "files", ("destination",))
        sealed: list[tuple[Sink, Destination]] = []
        with buffer_if_needed(pages, encoder, dataset_id) as buffered:
            for part in _cut(buffered, rows):
                destination = whole.sibling(_part_name(whole.name, len(parts)))
                sink = sinks.enter_context(destination.begin())
                written = write_rows(sink, part, encoder, compress=compress, checksum=True)
                sink.seal()
                sealed.append((sink, destination))
                parts.append({"destination": destination.uri, **written})
        # Loaders take whatever has the name of a part, so no part may be left of an export that had more.
        for number in range(len(parts), len(old)):
            whole.sibling(_part_name(whole.name, number)).delete()
        if old:
            listing.delete()
        # Now there is neither the old export nor the new one, until the manifest is there.
        listed.write(manifest(dataset_id, parts))
        _commit(sealed, listed)
    return {**listing.address, **_totals(parts), "files": len(parts)}


def _commit(files: list[tuple[Sink, Destination]], listed: Sink) -> None:
    """Commit files, and last their manifest; take the files back if anything cannot be committed."""
    committed: list[Destination] = []
    try:
        for sink, destination in files:
            sink.commit()
            committed.append(destination)
        listed.commit()
    except BaseException:
        for destination in committed:
            with suppress(Exception):
                destination.delete()
        raise


def _part_name(name: str, number: int) -> str:
    """Name a part by its number: the first one of `items.csv.gz` is `items-00000.csv.gz`."""
    path = PurePosixPath(name)
    suffixes = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:])
    return f"{name.removesuffix(suffixes)}-{number:05d}{suffixes}"


def _cut(pages: Iterable[Page], rows_per_part: int) -> Iterator[Iterator[Page]]:
    """Cut pages into parts of so many rows, the last one of fewer; use each part up before the next."""

    def pieces() -> Iterator[tuple[int, Page]]:
        row = 0
        for page in pages:
            while page.rows:
                part, position = divmod(row, rows_per_part)
                piece, page = _split(page, rows_per_part - position)
                yield part, piece
                row += piece.rows

    for _, part in groupby(pieces(), key=itemgetter(0)):
        yield (piece for _, piece in part)


def _split(page: Page, rows: int) -> tuple[Page, Page]:
    """Split a page after some of its rows; the rest may be empty."""
    if page.rows <= rows:
        return page, Page(b"", 0, 0)
    end = 0
    for _ in range(rows):
        end = page.data.index(b"\n", end) + 1
    head, rest = page.data[:end], page.data[end:]
    return Page(head, rows, len(head)), Page(rest, page.rows - rows, len(rest))
