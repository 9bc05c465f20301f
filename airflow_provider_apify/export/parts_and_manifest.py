"""Many files instead of one: where rows are cut, how parts are named, and the manifest that lists them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_apify.export.disk_buffer import buffer_if_needed
from airflow_provider_apify.export.file_writer import write_rows
from airflow_provider_apify.export.formats.encoder import Encoder
from airflow_provider_apify.export.item_pages import Page
from airflow_provider_apify.export.stores.destination import Destination, Sink


def manifest(dataset_id: str, results: Iterable[Mapping[str, Any]]) -> bytes:
    """
    Make a manifest of an export in many files, by one task or by many.

    :param dataset_id: the dataset that the rows are of.
    :param results: `destination`, `rows`, `bytes` and `sha256` of each file, in the order of the rows; the
        results of mapped transfers with `checksum=True` have these, too.
    """
    known = ("destination", "rows", "bytes", "sha256")
    files = [{name: result[name] for name in known} for result in results]
    whole = {
        "dataset_id": dataset_id,
        "rows": sum(file["rows"] for file in files),
        "bytes": sum(file["bytes"] for file in files),
        "files": files,
    }
    return json.dumps(whole, indent=1).encode() + b"\n"


def write_parts(
    whole: Destination,
    pages: Iterable[Page],
    encoder: Encoder,
    rows_per_file: int,
    *,
    compress: bool,
    dataset_id: str,
) -> dict[str, Any]:
    """Write parts of `whole` and their manifest, and return their totals."""
    listing = whole.sibling(_manifest_name(whole.name))
    parts: list[dict[str, Any]] = []
    with ExitStack() as sinks:
        # The manifest is opened first, as what says that there is an export already, and comes last.
        listed = sinks.enter_context(listing.begin())
        old = json.loads(listing.read() or b'{"files": []}')
        sealed: list[tuple[Sink, Destination]] = []
        with buffer_if_needed(pages, encoder) as buffered:
            for rows in _cut(buffered, rows_per_file):
                destination = whole.sibling(_part_name(whole.name, len(parts)))
                sink = sinks.enter_context(destination.begin())
                written = write_rows(sink, rows, encoder, compress=compress, checksum=True)
                sink.seal()
                sealed.append((sink, destination))
                parts.append({"destination": destination.uri, **written})
        # Loaders take whatever has the name of a part, so no part may be left of an export that had more.
        for number in range(len(parts), len(old["files"])):
            whole.sibling(_part_name(whole.name, number)).delete()
        if old["files"]:
            listing.delete()
        # Now there is neither the old export nor the new one, until the manifest is there.
        with _all_or_none(sealed):
            listed.write(manifest(dataset_id, parts))
            listed.commit()
    totals = {name: sum(part[name] for part in parts) for name in ("rows", "bytes")}
    return {**listing.address, **totals, "files": len(parts)}


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


def _part_name(name: str, number: int) -> str:
    """Name a part by its number: the first one of `items.csv.gz` is `items-00000.csv.gz`."""
    path = PurePosixPath(name)
    suffixes = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:])
    return f"{name.removesuffix(suffixes)}-{number:05d}{suffixes}"


def _manifest_name(name: str) -> str:
    """Name the manifest; loaders pass over names with an underscore at the start."""
    return f"_{name}.manifest.json"


def _cut(pages: Iterable[Page], rows: int) -> Iterator[Iterator[Page]]:
    """Cut pages into parts of so many rows, the last one of fewer; use each part up before the next."""
    left = iter(pages)
    rest: list[Page] = []

    def part(first: Page) -> Iterator[Page]:
        wanted, page = rows, first
        while True:
            here, later = _cut_page(page, wanted)
            yield here
            wanted -= here.rows
            if later.rows or not wanted:
                rest[:] = [later] if later.rows else []
                return
            if (page := _next(left)).rows == 0:
                return

    while (first := rest.pop() if rest else _next(left)).rows:
        yield part(first)


_NOTHING = Page(b"", 0, 0)


def _next(pages: Iterator[Page]) -> Page:
    return next((page for page in pages if page.rows), _NOTHING)


def _cut_page(page: Page, rows: int) -> tuple[Page, Page]:
    if page.rows <= rows:
        return page, _NOTHING
    end = 0
    for _ in range(rows):
        end = page.data.index(b"\n", end) + 1
    here, later = page.data[:end], page.data[end:]
    return Page(here, rows, len(here)), Page(later, page.rows - rows, len(later))
