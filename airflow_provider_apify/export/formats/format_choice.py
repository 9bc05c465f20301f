"""Which format a file has, and how it comes about."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.layout import AsItComes, JsonArray, Layout
from airflow_provider_apify.export.parquet import ParquetLayout
from airflow_provider_apify.export.table import CsvLayout, CsvOptions
from airflow_provider_apify.export.whole import ROW_COUNTERS

_GZIP_SUFFIX = ".gz"
_NAMES = ("jsonl", "json", "csv", "parquet", *ROW_COUNTERS)
_BY_SUFFIX = {f".{name}": name for name in _NAMES} | {".ndjson": "jsonl"}


@dataclass(frozen=True)
class Format:
    """
    The format of a file.

    :param name: Apify's name of it, or `parquet`.
    :param gzipped: whether the file is compressed as a whole.
    """

    name: str
    gzipped: bool

    @property
    def made_by_apify(self) -> bool:
        """Whether Apify makes the file as a whole, so that there is nothing to lay out."""
        return self.name in ROW_COUNTERS

    @property
    def takes_gzip(self) -> bool:
        """Whether compressed pages may go from the wire into the file as they are."""
        return self.gzipped and self.name == "jsonl"

    def layout(self, csv: CsvOptions) -> Layout:
        """
        Return what makes the file's bytes, before they are compressed.

        :param csv: how CSV is written.
        """
        match self.name:
            case "json":
                return JsonArray()
            case "csv":
                return CsvLayout(csv)
            case "parquet":
                return ParquetLayout()
            case _:
                return AsItComes()


def choose_format(name: str | None, file_name: str) -> Format:
    """
    Find the format of a file.

    :param name: what the user asked for; without it the file's name decides, and JSON Lines is the default.
    :param file_name: the file's name; `.gz` at its end means that the file is compressed.
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
    return Format(chosen, gzipped)


def compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Compress a file with gzip.

    :param chunks: its bytes.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
