"""Which format a file has: what the user asked for, or what the file's name says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from airflow_provider_apify.api.arguments import refusal, text
from airflow_provider_apify.export.formats import Encoder
from airflow_provider_apify.export.formats.csv import CsvEncoder, CsvOptions
from airflow_provider_apify.export.formats.jsonl import JsonArray, PassThrough
from airflow_provider_apify.export.formats.parquet import ParquetEncoder
from airflow_provider_apify.export.rendered_by_apify import ROW_COUNTERS

_NAMES = ("jsonl", "json", "csv", "parquet", *ROW_COUNTERS)
_BY_SUFFIX = {f".{name}": name for name in _NAMES} | {".ndjson": "jsonl"}


@dataclass(frozen=True)
class Format:
    """The format of a file: Apify's name of it, or `parquet`, and whether gzip goes around the whole file."""

    name: str
    gzipped: bool

    @property
    def rendered_by_apify(self) -> bool:
        """Whether Apify makes the file, and only as a whole."""
        return self.name in ROW_COUNTERS

    @property
    def takes_gzipped_pages(self) -> bool:
        """Whether compressed pages may go from the network into the file as they are."""
        return self.gzipped and self.name == "jsonl"

    def encoder(self, csv: CsvOptions) -> Encoder:
        """Return what makes the file's bytes, before they are compressed."""
        encoders: dict[str, Callable[[], Encoder]] = {
            "json": JsonArray,
            "csv": partial(CsvEncoder, csv),
            "parquet": ParquetEncoder,
        }
        return encoders.get(self.name, PassThrough)()


def choose_format(name: str | None, file_name: str) -> Format:
    """Choose the format of a file: the one of that name, or by the file's name; JSON Lines is the default."""
    path = PurePosixPath(file_name)
    gzipped = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if gzipped else path).suffix.lower()
    chosen = (text("format", name) or _BY_SUFFIX.get(suffix, "jsonl")).lower()
    if chosen not in _NAMES:
        raise refusal("format", f"one of {', '.join(_NAMES)}", name)
    return Format(chosen, gzipped)
