"""``/v2/datasets``: items in pages and formats, pushing items, field statistics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_request, invalid_value
from airflow_provider_apify.emulator.platform.datasets import Dataset
from airflow_provider_apify.emulator.platform.item_formats import BOM, CONTENT_TYPES, Layout, render
from airflow_provider_apify.emulator.platform.item_selection import WHOLE_ITEMS, ItemSelection, Row
from airflow_provider_apify.emulator.platform.schema_validation import check_items
from airflow_provider_apify.emulator.routes.storage_endpoints import StorageOperations
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Blocks, Response, data_response, json_response

DATASET = StorageOperations(Dataset, "/v2/datasets", lambda run: run.dataset)
NO_LIMIT = 999_999_999_999
BATCH_BYTES = 1 << 18


@DATASET.on("POST", "/items")
async def _push_items(call: Call, dataset: Dataset) -> Response:
    """Append an item or several, all or none of them."""
    value = await call.json()
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise invalid_request("Items must be JSON objects, or an array of them.")
    if dataset.schema:
        check_items(dataset.schema, items)
    dataset.push(items)
    return json_response({}, 201, Location=f"{call.base_url}/v2/datasets/{dataset.id}/items")


@DATASET.on("GET", "/statistics")
async def _get_statistics(call: Call, dataset: Dataset) -> Response:
    return data_response({"fieldStatistics": await asyncio.to_thread(_statistics, dataset)})


@DATASET.on("HEAD", "/items")
@DATASET.on("GET", "/items")
async def _get_items(call: Call, dataset: Dataset) -> Response:
    return await items_response(call, dataset)


async def items_response(call: Call, dataset: Dataset, status: int = 200) -> Response:
    """Answer with the items that the parameters select, in the format they name."""
    name = call.choice("format", CONTENT_TYPES) or "json"
    offset, limit, desc = call.integer("offset") or 0, _limit(call), bool(call.flag("desc"))
    selection, layout = _selection(call, dataset), _layout(call, dataset)
    bom = call.flag("bom", name == "csv")
    dataset.was_read()
    size = len(dataset.items)
    first, last = min(offset, size), min(offset + limit, size)
    positions = range(first, last)
    if desc:
        positions = range(size - first - 1, size - last - 1, -1)

    def rows() -> Iterable[Row]:
        return selection.apply(dataset.items.at(positions))

    count = len(positions)
    if selection != WHOLE_ITEMS and call.platform.switches.pagination_count == "returned":
        count = await asyncio.to_thread(lambda: sum(1 for _ in rows()))
    answer = Response(status, content_type=CONTENT_TYPES[name])
    answer.headers = {
        "X-Apify-Pagination-Offset": str(offset),
        "X-Apify-Pagination-Limit": str(limit),
        "X-Apify-Pagination-Count": str(count),
        "X-Apify-Pagination-Total": str(dataset.counts()[0]),
        "X-Apify-Pagination-Desc": str(desc).lower(),
    }
    if call.flag("attachment"):
        answer.headers["Content-Disposition"] = f'attachment; filename="dataset_{dataset.id}.{name}"'
    head = BOM if bom and name != "xlsx" else b""
    if selection == WHOLE_ITEMS and not desc and name == "jsonl":
        answer.length = dataset.items.size(first, last) + len(head)
        answer.body = _raw(head, dataset.items.lines(first, last))
    elif selection == WHOLE_ITEMS and not desc and name == "json" and first < last:
        answer.body = _raw_json(head, dataset.items.lines(first, last))
    else:
        answer.body = await _batched(head, render(name, rows, layout))
    return answer


def _limit(call: Call) -> int:
    wanted, most = call.integer("limit"), call.platform.switches.max_items_per_request
    limit = NO_LIMIT if wanted is None else wanted
    return limit if most is None else min(limit, most)


async def _raw(head: bytes, blocks: Iterator[memoryview]) -> Blocks:
    if head:
        yield head
    for block in blocks:
        yield block


async def _raw_json(head: bytes, blocks: Iterator[memoryview]) -> Blocks:
    # Each line is an item, so JSON Lines become an array without decoding: with a comma before each line
    # break but the last one, which is held back until it is known whether another block follows.
    yield head + b"[\n"
    held = b""
    for block in blocks:
        text = bytes(block)
        whole = text.endswith(b"\n")
        yield held + (text[:-1] if whole else text).replace(b"\n", b",\n")
        held = b",\n" if whole else b""
    yield b"\n]"


async def _batched(head: bytes, parts: Iterator[bytes]) -> Blocks:
    # The first batch is made before the response starts, so that a refusal to render is still an error.
    first = await asyncio.to_thread(_batch, parts)

    async def batches() -> Blocks:
        yield head + first
        while batch := await asyncio.to_thread(_batch, parts):
            yield batch

    return batches()


def _batch(parts: Iterator[bytes]) -> bytes:
    batch, size = [], 0
    for part in parts:
        batch.append(part)
        size += len(part)
        if size >= BATCH_BYTES:
            break
    return b"".join(batch)


def _selection(call: Call, dataset: Dataset) -> ItemSelection:
    clean = bool(call.flag("clean"))
    view = _view(call, dataset)
    fields = call.names("fields") or view.get("fields", ())
    unwind = call.names("unwind") or view.get("unwind", ())
    renamed = call.names("outputFields")
    if call.flag("simplified"):
        fields, unwind = ("url", "pageFunctionResult", "errorInfo"), ("pageFunctionResult",)
    if renamed and len(renamed) != len(fields):
        raise invalid_value("outputFields needs fields, and as many names as fields has.")
    return ItemSelection(
        fields=tuple(fields),
        output_fields=renamed,
        omit=call.names("omit") or tuple(view.get("omit", ())),
        unwind=tuple(unwind),
        flatten=call.names("flatten") or tuple(view.get("flatten", ())),
        skip_hidden=clean or bool(call.flag("skipHidden")),
        skip_empty=clean or bool(call.flag("skipEmpty")),
        skip_failed_pages=bool(call.flag("skipFailedPages")),
    )


def _view(call: Call, dataset: Dataset) -> dict[str, Any]:
    name = call.text("view")
    if name is None:
        return {}
    views = (dataset.schema or {}).get("views") or {}
    if name not in views:
        raise ApiError(400, "requested-dataset-view-does-not-exist", f"The dataset has no view {name}.")
    transformation = views[name].get("transformation") or {}
    return {key: [value] if isinstance(value, str) else value for key, value in transformation.items()}


def _layout(call: Call, dataset: Dataset) -> Layout:
    delimiter = call.text("delimiter", ",") or ","
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise invalid_value("The delimiter must be a single character, and no quote or line break.")
    return Layout(
        columns=call.names("outputFields") or call.names("fields"),
        delimiter=delimiter,
        skip_header_row=bool(call.flag("skipHeaderRow")),
        xml_root=call.text("xmlRoot", "items") or "items",
        xml_row=call.text("xmlRow", "item") or "item",
        feed_title=call.text("feedTitle") or f"Dataset {dataset.name or dataset.id}",
        feed_description=call.text("feedDescription") or f'Items in dataset with id "{dataset.id}".',
    )


def _statistics(dataset: Dataset) -> dict[str, dict[str, Any]]:
    statistics: dict[str, dict[str, Any]] = {}
    for item in dataset.items.at(range(len(dataset.items))):
        for name, value in item.items():
            entry = statistics.setdefault(name, {"min": None, "max": None, "nullCount": 0, "emptyCount": 0})
            entry["nullCount"] += value is None
            entry["emptyCount"] += value in ("", [], {})
            if isinstance(value, int | float) and not isinstance(value, bool):
                entry["min"] = value if entry["min"] is None else min(entry["min"], value)
                entry["max"] = value if entry["max"] is None else max(entry["max"], value)
    return statistics
