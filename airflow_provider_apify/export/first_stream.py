"""
One plain stream of all rows, for as long as that is the fastest way.

On a fast line nothing beats a single answer: one round trip, no waiting for a turn. So an export starts with
a stream, and leaves it for ranges in parallel as soon as the stream is slow, breaks off or ends: the ranges
start after the last whole row that has come, with all the care that the stream does without.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export import page_size
from airflow_provider_apify.export.freed_memory import LARGE_BYTES
from airflow_provider_apify.export.item_pages import DatasetSource, Page, count_rows, whole_page

# As few reads as can be, of blocks whose memory is used again.
_CHUNK_BYTES = LARGE_BYTES - (1 << 16)
# Below this rate ranges in parallel are faster; looked at each time so many seconds have passed.
_FAST_BYTES_PER_SECOND = 100e6
_LOOK_SECONDS = 0.1


def may_stream(source: DatasetSource) -> bool:
    """Return whether the place of a row in a stream says which item it is, and rows come as they are."""
    return source.selection.one_row_per_item and not source.gzipped


def stream_pages(source: DatasetSource, client: Client) -> Iterator[Page]:
    """Read rows from the first one on, until the stream is slow or anything goes wrong."""
    rest = b""
    try:
        with client.open(source.all_rows()) as answer:
            asked, waited, size = None, 0.0, 0
            for chunk in answer.parts(_CHUNK_BYTES):
                # Only the wait for the line counts: where the disk is slow, more connections are no help. The
                # wait for the first chunk is the server's.
                if asked is not None:
                    waited += time.monotonic() - asked
                    size += len(chunk)
                end = chunk.rfind(b"\n") + 1
                if end:
                    data = b"".join((rest, memoryview(chunk)[:end]))
                    yield Page(data, count_rows(data), len(data))
                    rest = chunk[end:]
                else:
                    rest += chunk
                    if len(rest) > page_size.MAX_BYTES:
                        # No row to be held in memory, or none at all.
                        return
                if waited >= _LOOK_SECONDS:
                    if size < _FAST_BYTES_PER_SECOND * waited:
                        return
                    waited, size = 0.0, 0
                asked = time.monotonic()
    except (ApifyHttpError, ValueError):
        # Ranges are asked for again where this stream is asked for once.
        return
    try:
        last = whole_page(rest)
    except (ValueError, RecursionError):
        return
    if last.rows:
        yield last
