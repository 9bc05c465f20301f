"""``/v2/key-value-stores``: records, pages of keys, redirects to large records."""

from __future__ import annotations

import asyncio
import io
import zipfile
from urllib.parse import quote

from airflow_provider_apify.emulator.platform.api_errors import (
    insufficient_permissions,
    invalid_request,
    invalid_value,
    not_found,
)
from airflow_provider_apify.emulator.platform.key_value_stores import KeyValueStore, Record
from airflow_provider_apify.emulator.platform.signed_urls import opens, sign
from airflow_provider_apify.emulator.routes.storage_endpoints import StorageOperations
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response, json_response

STORE = StorageOperations(KeyValueStore, "/v2/key-value-stores", lambda run: run.store)
MAX_KEYS = 1000


async def get_blob(call: Call) -> Response:
    """Answer with a large record in place of a storage service, which knows signatures but no tokens."""
    if call.token is not None:
        raise invalid_request("A token does not belong here: the URL is signed.")
    store, key = call.platform.stores.get(call.params["storeId"]), call.params["recordKey"]
    if store is None or key not in store.records or not opens(call.text("signature") or "", store, key):
        raise insufficient_permissions("record")
    record = store.records[key]
    return Response(200, record.value, record.content_type, {"x-amz-request-id": "EMULATOR"})


@STORE.on("GET", "/keys")
async def _list_keys(call: Call, store: KeyValueStore) -> Response:
    """Answer with keys, in the order of their bytes."""
    limit = MAX_KEYS if (wanted := call.integer("limit", 1)) is None else wanted
    if limit > MAX_KEYS:
        raise invalid_value(f"Parameter limit must be at most {MAX_KEYS}.")
    after, prefix = call.text("exclusiveStartKey"), call.text("prefix")
    keys = store.keys(prefix or "", after or "")
    page = keys[:limit]
    truncated = len(keys) > limit
    store.lists += 1
    return data_response(
        {
            "items": [
                {
                    "key": key,
                    "size": len(store.records[key].value),
                    "recordPublicUrl": record_url(call, store, key),
                }
                for key in page
            ],
            "count": len(page),
            "limit": limit,
            "exclusiveStartKey": after,
            "isTruncated": truncated,
            "nextExclusiveStartKey": page[-1] if truncated else None,
        }
    )


@STORE.on("HEAD", "/records/{recordKey}")
@STORE.on("GET", "/records/{recordKey}")
async def _get_record(call: Call, store: KeyValueStore) -> Response:
    """Answer with a record as it was stored, or a redirect to it."""
    key = call.params["recordKey"]
    record = store.records.get(key)
    if record is None:
        raise not_found("Record")
    store.was_read()
    redirected = call.platform.switches.redirect_record_bytes
    if redirected is not None and len(record.value) >= redirected and call.request.method == "GET":
        return Response(302, headers={"Location": _blob_url(call, store, key)})
    answer = Response(body=record.value, content_type=record.content_type)
    if call.flag("attachment"):
        answer.headers["Content-Disposition"] = f'attachment; filename="{quote(key)}"'
    return answer


@STORE.on("PUT", "/records/{recordKey}")
@STORE.on("POST", "/records/{recordKey}")
async def _put_record(call: Call, store: KeyValueStore) -> Response:
    key = call.params["recordKey"]
    # What the live service stores when no content type is given is unknown.
    content_type = call.request.headers.get("Content-Type", "application/octet-stream")
    store.put(key, Record(await call.body(), content_type))
    return json_response(
        {}, 201, Location=f"{call.base_url}/v2/key-value-stores/{store.id}/records/{quote(key)}"
    )


@STORE.on("DELETE", "/records/{recordKey}")
async def _delete_record(call: Call, store: KeyValueStore) -> Response:
    """Delete a record, if it exists."""
    store.remove(call.params["recordKey"])
    return Response(204)


@STORE.on("GET", "/records")
async def _get_records(call: Call, store: KeyValueStore) -> Response:
    """Answer with a ZIP of all records, or those with a prefix."""
    keys = store.keys(call.text("prefix") or "")
    store.was_read()
    return Response(
        body=await asyncio.to_thread(_zipped, store, keys),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{store.id}.zip"'},
    )


def record_url(call: Call, store: KeyValueStore, key: str) -> str:
    """Return the URL that opens a record without a token."""
    signature = sign(store.secret, key)
    return f"{call.base_url}/v2/key-value-stores/{store.id}/records/{quote(key)}?signature={signature}"


def _blob_url(call: Call, store: KeyValueStore, key: str) -> str:
    # A storage service has another host than the API; clients must not send it the token.
    host = call.request.host.replace("127.0.0.1", "localhost")
    return f"http://{host}/blobs/{store.id}/{quote(key)}?signature={sign(store.secret, key)}"


def _zipped(store: KeyValueStore, keys: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in keys:
            archive.writestr(key, store.records[key].value)
    return file.getvalue()
