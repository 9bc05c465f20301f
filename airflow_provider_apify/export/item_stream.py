"""
One plain stream of all rows, for as long as that is the fastest way.

On a fast line nothing beats a single answer: one round trip, no waiting for a turn. So an export starts with
it, and leaves it for ranges in parallel as soon as it is slow, breaks off or ends: whatever has come is whole
rows, and the ranges start after the last of them, with all the care that the stream does without.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.memory import LARGE_BYTES
from airflow_provider_apify.export.source import DatasetSource, Page, count_rows

# As few reads as can be, of blocks whose memory is used again.
_CHUNK_BYTES = LARGE_BYTES - (1 << 16)
# Below this rate ranges in parallel are faster; looked at each time so many seconds have passed.
_FAST_BYTES_PER_SECOND = 100e6
_LOOK_SECONDS = 0.1


def may_sprint(source: DatasetSource) -> bool:
    """
    Return whether the place of a row in a stream says which item it is, and rows come as they are.

    :param source: the dataset.
    """
    return source.selection.one_row_per_item and not source.selection.desc and not source.gzipped


def sprint(source: DatasetSource, client: Client) -> Iterator[Page]:
    """
    Read rows from the first one on, until that is slow or anything goes wrong.

    :param source: the dataset; with a selection that gives a row for each item.
    :param client: the way to Apify.
    """
    rest = b""
    try:
        with client.open(source.all()) as answer:
            waited, size, asked = 0.0, 0, time.monotonic()
            for chunk in answer.parts(_CHUNK_BYTES):
                # Only the wait for the line counts: where the disk is slow, more connections are no help. And
                # not the wait for the first chunk, which is the server's.
                waited, size = (waited + time.monotonic() - asked, size + len(chunk)) if size else (0.0, 1)
                end = chunk.rfind(b"\n") + 1
                if end:
                    data = b"".join((rest, memoryview(chunk)[:end]))
                    yield Page(data, count_rows(data), len(data))
                    rest = chunk[end:]
                else:
                    rest += chunk
                if waited >= _LOOK_SECONDS:
                    if size < _FAST_BYTES_PER_SECOND * waited:
                        return
                    waited, size = 0.0, 1
                asked = time.monotonic()
    except ApifyHttpError:
        return
    if _is_row(rest):
        yield Page(rest + b"\n", 1, len(rest) + 1)


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
