"""From a key-value store to files: a record each, byte for byte, and a manifest when all are there."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api import key_value_stores
from airflow_provider_apify.api.errors import ApifyDataError
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.destinations import Destination

#: No record can have this name: `~` is no character of a key.
MANIFEST_NAME = "~manifest.json"

# Larger records wait on disk, not in memory, and may have left something behind when a worker was killed.
_LARGE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20
# A file name has at most 255 bytes on most disks, and needs some for its temporary twin.
_LONGEST_NAME = 200
_PROGRESS_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class RecordsJob:
    """
    An export of records.

    :param store_id: ID, `username/name` or `username~name` of the key-value store.
    :param keys: the records; None for all.
    :param prefix: only those whose key starts so.
    :param manifest: where the manifest goes; the records go beside it.
    :param concurrency: how many records at a time.
    """

    store_id: str
    keys: Sequence[str] | None
    prefix: str | None
    manifest: Destination
    concurrency: int


def export_records(job: RecordsJob, client: Client, log: Any) -> dict[str, Any]:
    """
    Export records of a key-value store.

    A record appears when it is whole. The manifest comes last: it says that all are there, and without
    `replace` it is what a second export is refused for.

    :param job: what to export.
    :param client: the way to Apify.
    :param log: told of the progress.
    :return: what was written, for XCom.
    :raises ApifyConfigurationError: if that cannot be done; nothing was read.
    """
    started = logged = time.monotonic()
    entries: list[dict[str, Any]] = []
    pool = ThreadPoolExecutor(job.concurrency, thread_name_prefix="apify-export")
    with job.manifest.begin() as sink:
        old = json.loads(job.manifest.read() or b'{"records": []}')["records"]
        try:
            for entry in _copied(job, client, pool):
                entries.append(entry)
                if time.monotonic() - logged >= _PROGRESS_SECONDS:
                    logged = time.monotonic()
                    log.info("Wrote %s records in %.0f s.", f"{len(entries):,}", logged - started)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        manifest = {"key_value_store_id": job.store_id, "records": entries}
        sink.write(json.dumps(manifest, indent=1).encode() + b"\n")
        sink.commit()
    names = {file_name(entry["key"]) for entry in entries}
    for left_over in {file_name(entry["key"]) for entry in old} - names:
        job.manifest.sibling(left_over).delete()
    seconds, size = time.monotonic() - started, sum(entry["bytes"] for entry in entries)
    log.info(
        "Wrote %s records (%.1f MB) in %.1f s beside %s.",
        f"{len(entries):,}",
        size / 1e6,
        seconds,
        job.manifest.uri,
    )
    return {
        "key_value_store_id": job.store_id,
        **job.manifest.address,
        "files": len(entries),
        "bytes": size,
        "duration": round(seconds, 3),
    }


def file_name(key: str) -> str:
    """
    Return the name of a record's file: the key itself, but for those that no disk takes.

    The characters of a key (letters, digits and `!-_.'()`) may all be in a file name. No two keys share one.

    :param key: the key.
    """
    if len(key) > _LONGEST_NAME:
        return f"{key[:100]}~{hashlib.sha256(key.encode()).hexdigest()}"
    return key.replace(".", "~") if key in (".", "..") else key


def _copied(job: RecordsJob, client: Client, pool: ThreadPoolExecutor) -> Iterator[dict[str, Any]]:
    window: deque[Future[dict[str, Any]]] = deque()
    for key, size in _listed(job, client):
        window.append(pool.submit(_copy, job, client, key, size))
        if len(window) >= 2 * job.concurrency:
            yield window.popleft().result()
    while window:
        yield window.popleft().result()


def _listed(job: RecordsJob, client: Client) -> Iterator[tuple[str, int | None]]:
    """Give keys and sizes; the size of a record that was asked for by its key is not known."""
    if job.keys is not None:
        yield from ((key, None) for key in job.keys if key.startswith(job.prefix or ""))
        return
    after: str | None = None
    while True:
        call = key_value_stores.list_keys(job.store_id, prefix=job.prefix or None, exclusive_start_key=after)
        page = client.send(call)
        yield from ((item["key"], item.get("size")) for item in page["items"])
        before, after = after, page.get("nextExclusiveStartKey")
        if not page.get("isTruncated") or not after:
            return
        if after == before:
            raise ApifyDataError(f"The list of keys of {job.store_id} does not go on after {after!r}.")


def _copy(job: RecordsJob, client: Client, key: str, size: int | None) -> dict[str, Any]:
    destination = job.manifest.sibling(file_name(key))
    # Whether an export may be replaced was decided by its manifest; what is here is of a try that failed.
    destination.replace = True
    if size is None or size > _LARGE_BYTES:
        destination.check()
    checksum = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(_LARGE_BYTES) as file:
        headers = client.download(key_value_stores.get_record(job.store_id, key), file)
        content_type = headers.get("Content-Type", "application/octet-stream")
        file.seek(0)
        written = 0
        with destination.open(content_type) as sink:
            while block := file.read(_BLOCK_BYTES):
                sink.write(block)
                checksum.update(block)
                written += len(block)
            sink.commit()
    return {
        "key": key,
        "destination": destination.uri,
        "content_type": content_type,
        "bytes": written,
        "sha256": checksum.hexdigest(),
    }
