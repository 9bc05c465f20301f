"""``/v2/request-queues``: adding, listing, locking and handling requests."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_request, invalid_value
from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.request_queues import QueuedRequest, RequestQueue, request_id_of
from airflow_provider_apify.emulator.routes.storage_endpoints import StorageOperations
from airflow_provider_apify.emulator.server.request import MAX_SECONDS, Call
from airflow_provider_apify.emulator.server.response import Response, data_response

QUEUE = StorageOperations(RequestQueue, "/v2/request-queues", lambda run: run.queue)
HEAD_FIELDS = ("id", "uniqueKey", "url", "method", "retryCount")
MAX_BATCH = 25
# `batch` and `unlock` are operations, not ids.
REQUEST_ID = "{requestId:(?!batch$|unlock$)[^/]+}"
MAX_HEAD_LOCK = 25


@QUEUE.on("GET", "/head")
async def _get_head(call: Call, queue: RequestQueue) -> Response:
    _client(call, queue)
    limit = call.integer("limit", 1) or 100
    queue.lists += 1
    return data_response({**_head(queue, limit), "items": [_short(entry) for entry in queue.head(limit)]})


@QUEUE.on("POST", "/head/lock")
async def _lock_head(call: Call, queue: RequestQueue) -> Response:
    client = _client(call, queue)
    limit = min(call.integer("limit", 1) or MAX_HEAD_LOCK, MAX_HEAD_LOCK)
    seconds = _lock_seconds(call)
    with call.platform.lock:
        entries = queue.head(limit, unlocked=True)
        items = [{**_short(entry), "lockExpiresAt": queue.lock(entry, seconds, client)} for entry in entries]
    now = call.platform.clock.time()
    return data_response(
        {
            **_head(queue, limit),
            "lockSecs": seconds,
            **({"clientKey": client} if client else {}),
            "queueHasLockedRequests": any(entry.locked_until > now for entry in queue.entries.values()),
            "items": items,
        },
        201,
    )


@QUEUE.on("GET", "/requests")
async def _list_requests(call: Call, queue: RequestQueue) -> Response:
    """Answer with all requests, by their ids."""
    limit = min(call.integer("limit", 1) or 10_000, 10_000)
    after = call.text("cursor") or call.text("exclusiveStartId")
    wanted = set(call.names("filter"))
    if not wanted <= {"pending", "locked"}:
        raise invalid_value("Parameter filter must be pending or locked.")
    now = call.platform.clock.time()
    ids = [
        request_id
        for request_id in sorted(queue.entries)
        if (after is None or request_id > after)
        and ("pending" not in wanted or not queue.entries[request_id].is_handled)
        and ("locked" not in wanted or queue.entries[request_id].locked_until > now)
    ]
    items = [queue.entries[request_id].request for request_id in ids[:limit]]
    queue.reads += 1
    shown: dict[str, Any] = {"items": items, "limit": limit, "count": len(items)}
    if after is not None:
        shown["exclusiveStartId"] = after
    if len(ids) > limit:
        shown["nextCursor"] = ids[limit - 1]
    return data_response(shown)


@QUEUE.on("POST", "/requests")
async def _add_request(call: Call, queue: RequestQueue) -> Response:
    _client(call, queue)
    request = await call.json_object()
    return data_response(queue.add(request, forefront=bool(call.flag("forefront"))), 201)


@QUEUE.on("POST", "/requests/batch")
async def _add_requests(call: Call, queue: RequestQueue) -> Response:
    """Add up to 25 requests."""
    _client(call, queue)
    forefront = bool(call.flag("forefront"))
    requests = await _batch(call)
    processed = [queue.add(request, forefront=forefront) for request in requests]
    return data_response({"processedRequests": processed, "unprocessedRequests": []}, 201)


@QUEUE.on("DELETE", "/requests/batch")
async def _delete_requests(call: Call, queue: RequestQueue) -> Response:
    """Delete up to 25 requests, by id or unique key."""
    _client(call, queue)
    processed = []
    for request in await _batch(call):
        named = {key: request[key] for key in ("id", "uniqueKey") if key in request}
        if not named or not all(isinstance(value, str) for value in named.values()):
            raise invalid_request("A request to delete needs an id or a uniqueKey.")
        queue.remove(named["id"] if "id" in named else request_id_of(named["uniqueKey"]))
        processed.append(named)
    return data_response({"processedRequests": processed, "unprocessedRequests": []})


@QUEUE.on("POST", "/requests/unlock")
async def _unlock_requests(call: Call, queue: RequestQueue) -> Response:
    client, now = _client(call, queue), call.platform.clock.time()
    locked = [
        entry
        for entry in queue.entries.values()
        if entry.locked_until > now and entry.locked_by in (client, None)
    ]
    for entry in locked:
        queue.unlock(entry, entry.locked_by)
    return data_response({"unlockedCount": len(locked)})


@QUEUE.on("GET", f"/requests/{REQUEST_ID}")
async def _get_request(call: Call, queue: RequestQueue) -> Response:
    queue.was_read()
    return data_response(queue.entry(call.params["requestId"]).request)


@QUEUE.on("PUT", f"/requests/{REQUEST_ID}")
async def _put_request(call: Call, queue: RequestQueue) -> Response:
    _client(call, queue)
    request = await call.json_object()
    return data_response(
        queue.update(call.params["requestId"], request, forefront=bool(call.flag("forefront")))
    )


@QUEUE.on("DELETE", f"/requests/{REQUEST_ID}")
async def _delete_request(call: Call, queue: RequestQueue) -> Response:
    queue.entry(call.params["requestId"])
    queue.remove(call.params["requestId"])
    return Response(204)


@QUEUE.on("PUT", f"/requests/{REQUEST_ID}/lock")
async def _prolong_lock(call: Call, queue: RequestQueue) -> Response:
    entry = queue.entry(call.params["requestId"])
    return data_response({"lockExpiresAt": queue.lock(entry, _lock_seconds(call), _client(call, queue))})


@QUEUE.on("DELETE", f"/requests/{REQUEST_ID}/lock")
async def _delete_lock(call: Call, queue: RequestQueue) -> Response:
    entry = queue.entry(call.params["requestId"])
    queue.unlock(entry, _client(call, queue), forefront=bool(call.flag("forefront")))
    return Response(204)


def _client(call: Call, queue: RequestQueue) -> str | None:
    client = call.text("clientKey")
    if client is not None:
        queue.clients.add(client)
    return client


def _lock_seconds(call: Call) -> int:
    seconds = call.integer("lockSecs", 1, MAX_SECONDS)
    if seconds is None:
        raise invalid_value("Parameter lockSecs is required.")
    return seconds


async def _batch(call: Call) -> list[dict[str, Any]]:
    requests = await call.json()
    if not isinstance(requests, list) or not all(isinstance(request, dict) for request in requests):
        raise invalid_request("The body must be an array of requests.")
    if not 0 < len(requests) <= MAX_BATCH:
        raise ApiError(400, "too-many-values", f"A batch may hold 1 to {MAX_BATCH} requests.")
    return requests


def _head(queue: RequestQueue, limit: int) -> dict[str, Any]:
    return {
        "limit": limit,
        "queueModifiedAt": iso(queue.modified_at),
        "hadMultipleClients": len(queue.clients) > 1,
    }


def _short(entry: QueuedRequest) -> dict[str, Any]:
    return {name: entry.request.get(name) for name in HEAD_FIELDS}
