"""Export a key-value store: a file for each record, byte for byte, and a manifest when all are there."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from typing import Any

from airflow_provider_apify.api import key_value_stores
from airflow_provider_apify.api.arguments import required_text
from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyDataError, ApifyTooLargeError
from airflow_provider_apify.api.foreign_text import foreign_text
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.export.old_manifest import old_entries
from airflow_provider_apify.export.progress import Progress
from airflow_provider_apify.export.record_file_names import FileNames, listed_name
from airflow_provider_apify.export.stores.destination import Destination

# Larger records wait on disk, not in memory, and may have left something behind when a worker was killed.
_LARGE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20


def export_records(
    store_id: str,
    manifest: Destination,
    *,
    client: Client,
    log: Any,
    keys: Sequence[str] | None,
    prefix: str,
    concurrency: int,
) -> dict[str, Any]:
    """
    Export records into the folder of their manifest, and return what was written, for XCom.

    The manifest comes last: it says that all records are there, and without `replace` it is what a second
    export is refused for.
    """
    progress = Progress()
    records: list[dict[str, Any]] = []
    # Whether an export may be replaced is decided by its manifest: other files are left of a try that failed.
    folder = copy(manifest)
    folder.replace = True
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="apify-export")

    def copied(file_names: FileNames) -> Iterator[dict[str, Any]]:
        window: deque[Future[dict[str, Any]]] = deque()
        for key, size in _list_keys(client, store_id, keys, prefix):
            destination = folder.sibling(file_names.of(key))
            window.append(pool.submit(_copy, client, store_id, key, size, destination))
            if len(window) >= 2 * concurrency:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()

    with manifest.begin() as sink:
        old = _names(old_entries(manifest, "records", ("key", "destination")))
        try:
            for record in copied(FileNames(old)):
                records.append(record)
                if progress.add(1, record["bytes"]):
                    log.info("Wrote %s.", progress.describe("records"))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        whole = {"key_value_store_id": store_id, "records": records}
        sink.write(json.dumps(whole, indent=1).encode() + b"\n")
        sink.commit()
    for left_over in old - _names(records):
        folder.sibling(left_over).delete()
    log.info("Wrote %s beside %s.", progress.describe("records"), manifest.uri)
    totals = {"files": progress.count, "bytes": progress.size, "duration": round(progress.seconds, 3)}
    return {"key_value_store_id": store_id, **manifest.address, **totals}


def _names(records: list[dict[str, Any]]) -> set[str]:
    return {listed_name(record["key"], record["destination"]) for record in records}


def _list_keys(
    client: Client, store_id: str, keys: Sequence[str] | None, prefix: str
) -> Iterator[tuple[str, int | None]]:
    """Give keys and sizes; of keys that the user gave, the size is unknown."""
    if keys is not None:
        yield from ((key, None) for key in dict.fromkeys(keys) if key.startswith(prefix))
        return
    after: str | None = None
    asked: set[str | None] = set()
    while after not in asked:
        asked.add(after)
        call = key_value_stores.list_keys(store_id, prefix=prefix or None, exclusive_start_key=after)
        page = client.send(call)
        yield from ((_askable(store_id, item["key"]), item.get("size")) for item in page["items"])
        after = page.get("nextExclusiveStartKey")
        if not page.get("isTruncated") or not after:
            return
    raise ApifyDataError(
        f"The list of keys of the key-value store {store_id} does not go on after "
        f"{foreign_text(repr(after))}, but begins again. Try again later."
    )


def _askable(store_id: str, key: str) -> str:
    """Refuse a key that cannot be asked for; Apify has none."""
    try:
        return required_text("key", key)
    except ApifyConfigurationError as error:
        raise ApifyDataError(
            f"The key-value store {store_id} lists a record with the key {foreign_text(repr(key))}, which no "
            "request can name. Name the records to export in `keys`, or take those of a `prefix`."
        ) from error


def _copy(
    client: Client, store_id: str, key: str, size: int | None, destination: Destination
) -> dict[str, Any]:
    """Copy a record, and return its entry in the manifest."""
    if size is None or size > _LARGE_BYTES:
        destination.check()
    checksum = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(_LARGE_BYTES) as file:
        try:
            headers = client.download(key_value_stores.get_record(store_id, key), file)
        except ApifyTooLargeError as error:
            raise ApifyTooLargeError(
                f"The record {foreign_text(repr(key))} of the key-value store {store_id} is not written, as "
                f"it would fill the disk. {error} Name the records to export in `keys`, or take those of a "
                "`prefix`."
            ) from error
        content_type = headers.get("Content-Type", key_value_stores.BYTES_TYPE)
        file.seek(0)
        with destination.open(content_type) as sink:
            while block := file.read(_BLOCK_BYTES):
                sink.write(block)
                checksum.update(block)
            sink.commit()
        written = file.tell()
    return {
        "key": key,
        "destination": destination.uri,
        "content_type": content_type,
        "bytes": written,
        "sha256": checksum.hexdigest(),
    }
