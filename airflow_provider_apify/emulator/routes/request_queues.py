"""Request queues."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator.call import MAX_SECONDS, Answer, Call, data_answer
from airflow_provider_apify.emulator.clock import iso
from airflow_provider_apify.emulator.errors import ApiError, invalid_request, invalid_value
from airflow_provider_apify.emulator.queues import Entry, RequestQueue, request_id_of
from airflow_provider_apify.emulator.routes.storages import describe, mount_collection, update
from airflow_provider_apify.emulator.routing import Family, Router

QUEUE: Family[RequestQueue] = Family()
HEAD_FIELDS = ("id", "uniqueKey", "url", "method", "retryCount")
MAX_BATCH = 25
# `batch` and `unlock` are operations, not ids.
REQUEST_ID = "{requestId:(?!batch$|unlock$)[^/]+}"
MAX_HEAD_LOCK = 25


def register(router: Router) -> None:
    """Add the collection of request queues."""
    mount_collection(
        router, "/v2/request-queues", lambda platform: platform.queues, lambda platform: platform.create_queue
    )


@QUEUE.on("GET")
async def get_queue(call: Call, queue: RequestQueue) -> Answer:
    """Answer with a request queue."""
    return data_answer(describe(call, queue))


@QUEUE.on("PUT")
async def put_queue(call: Call, queue: RequestQueue) -> Answer:
    """Change the name or access of a request queue."""
    update(call, queue, call.platform.queues, await call.json_object())
    return data_answer(describe(call, queue))


@QUEUE.on("DELETE")
async def delete_queue(call: Call, queue: RequestQueue) -> Answer:
    """Delete a request queue."""
    call.platform.queues.pop(queue.id, None)
    return Answer(204)


@QUEUE.on("GET", "/head")
async def get_head(call: Call, queue: RequestQueue) -> Answer:
    """Answer with the next requests."""
    _client(call, queue)
    limit = call.integer("limit", 1) or 100
    queue.lists += 1
    return data_answer({**_head(queue, limit), "items": [_short(entry) for entry in queue.head(limit)]})


@QUEUE.on("POST", "/head/lock")
async def lock_head(call: Call, queue: RequestQueue) -> Answer:
    """Lock the next free requests and answer with them."""
    client = _client(call, queue)
    limit = min(call.integer("limit", 1) or MAX_HEAD_LOCK, MAX_HEAD_LOCK)
    seconds = _lock_seconds(call)
    with call.platform.lock:
        entries = queue.head(limit, unlocked=True)
        items = [{**_short(entry), "lockExpiresAt": queue.lock(entry, seconds, client)} for entry in entries]
    now = call.platform.clock.time()
    return data_answer(
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
async def list_requests(call: Call, queue: RequestQueue) -> Answer:
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
    return data_answer(shown)


@QUEUE.on("POST", "/requests")
async def add_request(call: Call, queue: RequestQueue) -> Answer:
    """Add a request."""
    _client(call, queue)
    request = await call.json_object()
    return data_answer(queue.add(request, forefront=bool(call.flag("forefront"))), 201)


@QUEUE.on("POST", "/requests/batch")
async def add_requests(call: Call, queue: RequestQueue) -> Answer:
    """Add up to 25 requests."""
    _client(call, queue)
    forefront = bool(call.flag("forefront"))
    requests = await _batch(call)
    processed = [queue.add(request, forefront=forefront) for request in requests]
    return data_answer({"processedRequests": processed, "unprocessedRequests": []}, 201)


@QUEUE.on("DELETE", "/requests/batch")
async def delete_requests(call: Call, queue: RequestQueue) -> Answer:
    """Delete up to 25 requests, by id or unique key."""
    _client(call, queue)
    processed = []
    for request in await _batch(call):
        named = {key: request[key] for key in ("id", "uniqueKey") if key in request}
        if not named or not all(isinstance(value, str) for value in named.values()):
            raise invalid_request("A request to delete needs an id or a uniqueKey.")
        queue.remove(named["id"] if "id" in named else request_id_of(named["uniqueKey"]))
        processed.append(named)
    return data_answer({"processedRequests": processed, "unprocessedRequests": []})


@QUEUE.on("POST", "/requests/unlock")
async def unlock_requests(call: Call, queue: RequestQueue) -> Answer:
    """Give back all requests the client has locked."""
    client, now = _client(call, queue), call.platform.clock.time()
    locked = [
        one for one in queue.entries.values() if one.locked_until > now and one.locked_by in (client, None)
    ]
    for entry in locked:
        queue.unlock(entry, entry.locked_by)
    return data_answer({"unlockedCount": len(locked)})


@QUEUE.on("GET", f"/requests/{REQUEST_ID}")
async def get_request(call: Call, queue: RequestQueue) -> Answer:
    """Answer with a request."""
    queue.was_read()
    return data_answer(queue.entry(call.params["requestId"]).request)


@QUEUE.on("PUT", f"/requests/{REQUEST_ID}")
async def put_request(call: Call, queue: RequestQueue) -> Answer:
    """Change a request."""
    _client(call, queue)
    request = await call.json_object()
    return data_answer(
        queue.update(call.params["requestId"], request, forefront=bool(call.flag("forefront")))
    )


@QUEUE.on("DELETE", f"/requests/{REQUEST_ID}")
async def delete_request(call: Call, queue: RequestQueue) -> Answer:
    """Delete a request."""
    queue.entry(call.params["requestId"])
    queue.remove(call.params["requestId"])
    return Answer(204)


@QUEUE.on("PUT", f"/requests/{REQUEST_ID}/lock")
async def prolong_lock(call: Call, queue: RequestQueue) -> Answer:
    """Hold a request for longer."""
    entry = queue.entry(call.params["requestId"])
    return data_answer({"lockExpiresAt": queue.lock(entry, _lock_seconds(call), _client(call, queue))})


@QUEUE.on("DELETE", f"/requests/{REQUEST_ID}/lock")
async def delete_lock(call: Call, queue: RequestQueue) -> Answer:
    """Give a request back."""
    entry = queue.entry(call.params["requestId"])
    queue.unlock(entry, _client(call, queue), forefront=bool(call.flag("forefront")))
    return Answer(204)


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


def _short(entry: Entry) -> dict[str, Any]:
    return {name: entry.request.get(name) for name in HEAD_FIELDS}
