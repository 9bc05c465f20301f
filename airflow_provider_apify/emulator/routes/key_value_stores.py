"""Key-value stores."""

from __future__ import annotations

import asyncio
import io
import zipfile
from urllib.parse import quote

from airflow_provider_apify.emulator.call import Answer, Call, data_answer, json_answer
from airflow_provider_apify.emulator.errors import (
    insufficient_permissions,
    invalid_request,
    invalid_value,
    not_found,
)
from airflow_provider_apify.emulator.routes.storages import describe, mount_collection, update
from airflow_provider_apify.emulator.routing import Family, Router
from airflow_provider_apify.emulator.storages import KeyValueStore, Record, sign

STORE: Family[KeyValueStore] = Family()
MAX_KEYS = 1000


def register(router: Router) -> None:
    """Add the collection of key-value stores."""
    mount_collection(
        router,
        "/v2/key-value-stores",
        lambda platform: platform.stores,
        lambda platform: platform.create_store,
    )
    router.add("GET", "/blobs/{storeId}/{recordKey}", get_blob)


async def get_blob(call: Call) -> Answer:
    """Answer, in the place of a storage service, with a large record; it knows signatures, not tokens."""
    if call.token is not None:
        raise invalid_request("A token does not belong here: the URL is signed.")
    store, key = call.platform.stores.get(call.params["storeId"]), call.params["recordKey"]
    if store is None or key not in store.records or not store.is_signed(call.text("signature") or "", key):
        raise insufficient_permissions("record")
    return Answer(body=store.records[key].value, content_type=store.records[key].content_type)


@STORE.on("GET")
async def get_store(call: Call, store: KeyValueStore) -> Answer:
    """Answer with a key-value store."""
    return data_answer(describe(call, store))


@STORE.on("PUT")
async def put_store(call: Call, store: KeyValueStore) -> Answer:
    """Change the name, title or access of a key-value store."""
    update(call, store, call.platform.stores, await call.json_object())
    return data_answer(describe(call, store))


@STORE.on("DELETE")
async def delete_store(call: Call, store: KeyValueStore) -> Answer:
    """Delete a key-value store."""
    call.platform.stores.pop(store.id, None)
    return Answer(204)


@STORE.on("GET", "/keys")
async def list_keys(call: Call, store: KeyValueStore) -> Answer:
    """Answer with keys, in the order of their bytes."""
    limit = MAX_KEYS if (wanted := call.integer("limit", 1)) is None else wanted
    if limit > MAX_KEYS:
        raise invalid_value(f"Parameter limit must be at most {MAX_KEYS}.")
    after, prefix = call.text("exclusiveStartKey"), call.text("prefix")
    keys = store.keys(prefix or "", after or "")
    page = keys[:limit]
    truncated = len(keys) > limit
    store.lists += 1
    return data_answer(
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
async def get_record(call: Call, store: KeyValueStore) -> Answer:
    """Answer with a record as it was stored, or a redirect to it."""
    key = call.params["recordKey"]
    record = store.records.get(key)
    if record is None:
        raise not_found("Record")
    store.was_read()
    redirected = call.platform.switches.redirect_record_bytes
    if redirected is not None and len(record.value) >= redirected and call.request.method == "GET":
        return Answer(302, headers={"Location": _blob_url(call, store, key)})
    answer = Answer(body=record.value, content_type=record.content_type)
    if call.flag("attachment"):
        answer.headers["Content-Disposition"] = f'attachment; filename="{quote(key)}"'
    return answer


@STORE.on("PUT", "/records/{recordKey}")
@STORE.on("POST", "/records/{recordKey}")
async def put_record(call: Call, store: KeyValueStore) -> Answer:
    """Store a record."""
    key = call.params["recordKey"]
    # What the live service stores when no content type is given is unknown.
    content_type = call.request.headers.get("Content-Type", "application/octet-stream")
    store.put(key, Record(await call.body(), content_type))
    return json_answer(
        {}, 201, Location=f"{call.base_url}/v2/key-value-stores/{store.id}/records/{quote(key)}"
    )


@STORE.on("DELETE", "/records/{recordKey}")
async def delete_record(call: Call, store: KeyValueStore) -> Answer:
    """Delete a record; none to delete is fine too."""
    store.remove(call.params["recordKey"])
    return Answer(204)


@STORE.on("GET", "/records")
async def get_records(call: Call, store: KeyValueStore) -> Answer:
    """Answer with a ZIP of all records, or those with a prefix."""
    keys = store.keys(call.text("prefix") or "")
    store.was_read()
    return Answer(
        body=await asyncio.to_thread(_zipped, store, keys),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{store.id}.zip"'},
    )


def record_url(call: Call, store: KeyValueStore, key: str) -> str:
    """Build a URL that opens one record without a token."""
    signature = sign(store.secret, key)
    return f"{call.base_url}/v2/key-value-stores/{store.id}/records/{quote(key)}?signature={signature}"


def _blob_url(call: Call, store: KeyValueStore, key: str) -> str:
    # Another host than the API's, as a storage service is: who follows must not bring the token along.
    host = call.request.host.replace("127.0.0.1", "localhost")
    return f"http://{host}/blobs/{store.id}/{quote(key)}?signature={sign(store.secret, key)}"


def _zipped(store: KeyValueStore, keys: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in keys:
            archive.writestr(key, store.records[key].value)
    return file.getvalue()
