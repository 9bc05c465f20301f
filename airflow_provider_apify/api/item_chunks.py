"""Items cut into chunks of as many bytes as Apify takes at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.request_body import encode_json

# Apify takes 5 MB of items at a time (API reference, "Store items"), and does not say which megabytes.
_MAX_CHUNK_BYTES = 4_500_000


def chunks(items: Iterable[Any]) -> Iterator[tuple[int, bytes]]:
    """Cut items, or bytes that hold one each, into counted JSON arrays of a size that Apify takes."""
    lines: list[bytes] = []
    size = 0
    for position, item in enumerate(items):
        line = _line(position, item)
        if lines and size + len(line) > _MAX_CHUNK_BYTES:
            yield len(lines), b"[" + b",".join(lines) + b"]"
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield len(lines), b"[" + b",".join(lines) + b"]"


def _line(position: int, item: Any) -> bytes:
    try:
        value = json.loads(item) if isinstance(item, bytes) else item
        line = item if isinstance(item, bytes) else encode_json(item)
    except (TypeError, ValueError) as error:
        raise ApifyConfigurationError(f"Item {position} (from 0) is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ApifyConfigurationError(
            f"Item {position} (from 0) is a {type(value).__name__}; a dataset takes JSON objects."
        )
    if len(line) > _MAX_CHUNK_BYTES:
        raise ApifyConfigurationError(
            f"Item {position} (from 0) has {len(line):,} bytes; a dataset takes some 5 MB at a time."
        )
    return line
