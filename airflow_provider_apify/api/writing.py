"""Calls that put data into storages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from airflow_provider_apify.api.calls import Answer, Call
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.inputs import JSON_TYPE, MAX_PAYLOAD_BYTES, resource_ref

# Apify takes 5 MB of items at a time (API reference, "Store items"), and does not say which megabytes.
_MAX_CHUNK_BYTES = 4_500_000


def get_or_create_dataset(name: str) -> Call[dict[str, Any]]:
    """
    Get the dataset of that name, made if there is none; a named storage is kept until it is deleted.

    :param name: its name in the account.
    """
    return _get_or_create("datasets", "dataset", name)


def get_or_create_key_value_store(name: str) -> Call[dict[str, Any]]:
    """
    Get the key-value store of that name, made if there is none; it is kept until it is deleted.

    :param name: its name in the account.
    """
    return _get_or_create("key-value-stores", "key-value store", name)


def push_items(dataset_id: str, items: bytes) -> Call[None]:
    """
    Append items to a dataset: all of them, or none. Is never repeated blindly: it would append them twice.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param items: a JSON array; see :func:`chunks`.
    """
    return Call(
        method="POST",
        path=f"/v2/datasets/{resource_ref('dataset', dataset_id)}/items",
        body=items,
        headers={"Content-Type": JSON_TYPE},
        replayable=False,
        read=_nothing,
    )


def set_record(store_id: str, key: str, value: bytes, *, content_type: str) -> Call[None]:
    """
    Write a record of a key-value store, over the one that is there.

    :param store_id: ID, `username/name` or `username~name`.
    :param key: the record's key.
    :param value: the bytes.
    :param content_type: their media type.
    """
    if not key:
        raise ApifyConfigurationError("The key of the record is empty.")
    if len(value) > MAX_PAYLOAD_BYTES:
        raise ApifyConfigurationError(
            f"The record {key!r} has {len(value):,} bytes; Apify takes at most {MAX_PAYLOAD_BYTES:,}. "
            "Nothing was written."
        )
    store = resource_ref("key-value store", store_id)
    return Call(
        method="PUT",
        path=f"/v2/key-value-stores/{store}/records/{quote(key, safe='')}",
        body=value,
        headers={"Content-Type": content_type},
        read=_nothing,
    )


def chunks(items: Iterable[Any]) -> Iterator[tuple[int, bytes]]:
    """
    Cut items into as many as Apify takes at a time.

    :param items: JSON objects, or bytes that hold one each.
    :return: of each chunk how many items it has, and the items as a JSON array.
    :raises ApifyConfigurationError: if one is no JSON object, or larger than Apify takes.
    """
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
        line = (
            item
            if isinstance(item, bytes)
            else json.dumps(item, ensure_ascii=False, allow_nan=False).encode()
        )
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


def _get_or_create(collection: str, kind: str, name: str) -> Call[dict[str, Any]]:
    if not name or "/" in name or "~" in name:
        raise ApifyConfigurationError(f"{name!r} is no name for a {kind} of this account.")
    return Call(
        method="POST",
        path=f"/v2/{collection}",
        params={"name": name},
        read=lambda answer: answer.json()["data"],
    )


def _nothing(answer: Answer) -> None:
    return None
