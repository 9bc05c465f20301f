"""How rows are laid out in a file: the formats, and which one a file's name asks for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export import table
from airflow_provider_apify.export.parquet import parquet_file, require_pyarrow
from airflow_provider_apify.export.whole import ROW_COUNTERS

_GZIP_SUFFIX = ".gz"
_NAMES = ("jsonl", "json", "csv", "parquet", *ROW_COUNTERS)
_BY_SUFFIX = {f".{name}": name for name in _NAMES} | {".ndjson": "jsonl"}

# JSON Lines in, one page at a time; the file's bytes out.
Layout = Callable[[Iterable[bytes]], Iterator[bytes]]


@dataclass(frozen=True)
class Format:
    """
    The format of a file.

    :param name: Apify's name of it.
    :param gzipped: whether the file is compressed as a whole.
    :param csv: how CSV is written.
    """

    name: str
    gzipped: bool
    csv: table.CsvOptions = field(default_factory=table.CsvOptions)

    @property
    def takes_pages_gzipped(self) -> bool:
        """Whether pages may go from the wire into the file as they are, compressed."""
        return self.gzipped and self.name == "jsonl"

    @property
    def made_by_apify(self) -> bool:
        """Whether Apify makes the file as a whole, so that there is nothing to lay out."""
        return self.name in ROW_COUNTERS

    def lay_out(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """
        Turn pages into the bytes of a file.

        :param pages: JSON Lines; compressed ones if the format takes those, or parts of what Apify made.
        """
        if self.name == "csv":
            laid_out = table.csv_file(pages, self.csv)
        elif self.name == "parquet":
            laid_out = parquet_file(pages)
        elif self.name == "json":
            laid_out = _json(pages)
        else:
            laid_out = iter(pages)
        return _gzip(laid_out) if self.gzipped and not self.takes_pages_gzipped else laid_out


def choose_format(name: str | None, file_name: str, csv: table.CsvOptions) -> Format:
    """
    Find the format of a file.

    :param name: what the user asked for; without it the file's name decides, and JSON Lines is the default.
    :param file_name: the file's name; `.gz` at its end means that the file is compressed.
    :param csv: how CSV is written.
    :raises ApifyConfigurationError: if there is no such format.
    """
    path = PurePosixPath(file_name)
    gzipped = path.suffix.lower() == _GZIP_SUFFIX
    suffix = (path.with_suffix("") if gzipped else path).suffix.lower()
    chosen = (name or _BY_SUFFIX.get(suffix, "jsonl")).lower()
    if chosen not in _NAMES:
        raise ApifyConfigurationError(
            f"`format` is {name!r}, which is not supported. Use one of: {', '.join(_NAMES)}. "
            "Nothing was read."
        )
    if chosen == "parquet":
        require_pyarrow()
    return Format(chosen, gzipped, csv)


def _json(pages: Iterable[bytes]) -> Iterator[bytes]:
    # A line is a row: within JSON a line break is always escaped.
    before = b"["
    for page in pages:
        if page:
            yield before + page[:-1].replace(b"\n", b",\n")
            before = b",\n"
    yield b"[]" if before == b"[" else b"]"


def _gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
