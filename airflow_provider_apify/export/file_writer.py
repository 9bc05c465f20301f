"""Write the rows of pages into one file: encoded, compressed and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_apify.export.formats import Encoder
from airflow_provider_apify.export.formats.gzip import compressed
from airflow_provider_apify.export.item_pages import Page
from airflow_provider_apify.export.stores.destination import Sink


def write_rows(
    sink: Sink, pages: Iterable[Page], encoder: Encoder, *, compress: bool, checksum: bool
) -> dict[str, Any]:
    """Write the file, and return its `rows` and `bytes`, and its `sha256` if that was asked for."""
    rows = size = 0
    digest = hashlib.sha256() if checksum else None

    def counted() -> Iterator[bytes]:
        nonlocal rows
        for page in pages:
            rows += page.rows
            yield page.data

    chunks = encoder.encode(counted())
    if compress:
        chunks = compressed(chunks)
    for chunk in chunks:
        sink.write(chunk)
        size += len(chunk)
        if digest:
            digest.update(chunk)
    return {"rows": rows, "bytes": size, **({"sha256": digest.hexdigest()} if digest else {})}
