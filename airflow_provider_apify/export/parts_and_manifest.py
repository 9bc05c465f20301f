"""One file or many: where rows are cut, what the files are called, and the manifest that lists them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_apify.export.source import Page


def part_name(name: str, number: int) -> str:
    """
    Return the name of a part: those of `items.csv.gz` are `items-00000.csv.gz`, `items-00001.csv.gz`, …

    :param name: the name of the whole.
    :param number: which part, from 0.
    """
    stem, suffixes = _split(name)
    return f"{stem}-{number:05d}{suffixes}"


def manifest_name(name: str) -> str:
    """
    Return the name of the manifest; loaders pass over names with an underscore at the start.

    :param name: the name of the whole.
    """
    return f"_{name}.manifest.json"


def _split(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    suffixes = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:])
    return name.removesuffix(suffixes), suffixes


@dataclass
class Part:
    """
    What is known of a written file.

    :param destination: where it is.
    :param rows: how many rows it has.
    :param size: how many bytes.
    """

    destination: str
    rows: int = 0
    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        """
        Take note of bytes that were written.

        :param data: the bytes.
        """
        self.size += len(data)
        self._hash.update(data)

    def entry(self) -> dict[str, Any]:
        """Return its entry in a manifest."""
        return {
            "destination": self.destination,
            "rows": self.rows,
            "bytes": self.size,
            "sha256": self._hash.hexdigest(),
        }


def manifest(dataset_id: str, results: Iterable[Mapping[str, Any]]) -> bytes:
    """
    Make a manifest of an export in many files, by one task or by many.

    :param dataset_id: the dataset.
    :param results: what is known of each file, in the order of the rows; results of mapped tasks, with
        `checksum=True`, will do.
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


def split(pages: Iterable[Page], rows: int) -> Iterator[Iterator[Page]]:
    """
    Cut pages into parts of so many rows, the last one of fewer; each part has to be used up before the next.

    :param pages: JSON Lines.
    :param rows: rows of a part.
    """
    left = iter(pages)
    rest: list[Page] = []

    def part(first: Page) -> Iterator[Page]:
        wanted, page = rows, first
        while True:
            here, later = _cut(page, wanted)
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


def _cut(page: Page, rows: int) -> tuple[Page, Page]:
    if page.rows <= rows:
        return page, _NOTHING
    end = 0
    for _ in range(rows):
        end = page.data.index(b"\n", end) + 1
    here, later = page.data[:end], page.data[end:]
    return Page(here, rows, len(here)), Page(later, page.rows - rows, len(later))
