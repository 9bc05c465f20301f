"""Calls about datasets and key-value stores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_apify.api.calls import MAX_LIST_LIMIT, Answer, Call
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.inputs import JSON_TYPE, MAX_PAYLOAD_BYTES, encode_json, resource_ref

# Apify takes 5 MB of items at a time (API reference, "Store items"), and does not say which megabytes.
_MAX_CHUNK_BYTES = 4_500_000


def get_dataset(dataset_id: str, *, patience: int = 8) -> Call[dict[str, Any]]:
    """
    Get a dataset's metadata; its counts may lag some seconds behind (API reference, "Get dataset").

    :param dataset_id: ID, `username/name` or `username~name`.
    :param patience: how often it is tried at the most.
    """
    return Call(method="GET", path=_dataset_path(dataset_id), patience=patience, read=Answer.data)


@dataclass(frozen=True)
class ItemsPage:
    """
    A page of a dataset.

    :param body: the items, in the format asked for.
    :param headers: the answer's headers.
    """

    body: bytes
    headers: Mapping[str, str]

    def items(self) -> list[Any]:
        """Return the items of a JSON page."""
        items = json.loads(self.body)
        assert isinstance(items, list)
        return items


def get_items(dataset_id: str, *, raw: bool = False, **params: Any) -> Call[ItemsPage]:
    """
    Get one page of a dataset's items.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param raw: leave a compressed body compressed.
    :param params: the API's own query parameters (`format`, `offset`, `limit`, `clean`, `fields`, …).
    """
    return Call(
        method="GET",
        path=_dataset_path(dataset_id, "items"),
        params=params,
        raw=raw,
        read=lambda answer: ItemsPage(answer.body, answer.headers),
    )


def get_key_value_store(store_id: str) -> Call[dict[str, Any]]:
    """
    Get a key-value store's metadata.

    :param store_id: ID, `username/name` or `username~name`.
    """
    return Call(method="GET", path=_store_path(store_id), read=Answer.data)


def list_keys(
    store_id: str,
    *,
    prefix: str | None = None,
    exclusive_start_key: str | None = None,
    limit: int = MAX_LIST_LIMIT,
) -> Call[dict[str, Any]]:
    """
    List keys of a key-value store: `items`, and `nextExclusiveStartKey` while `isTruncated`.

    :param store_id: ID, `username/name` or `username~name`.
    :param prefix: only keys that start so.
    :param exclusive_start_key: only keys after this one.
    :param limit: how many at the most, up to 1,000.
    """
    return Call(
        method="GET",
        path=_store_path(store_id, "keys"),
        params={"prefix": prefix, "exclusiveStartKey": exclusive_start_key, "limit": limit},
        read=Answer.data,
    )


@dataclass(frozen=True)
class Record:
    """
    A record of a key-value store.

    :param value: the bytes.
    :param content_type: the media type it was stored with.
    """

    value: bytes
    content_type: str

    def content(self) -> Any:
        """
        Return JSON as its value, and text as a string.

        :raises ValueError: if it is neither.
        """
        media_type = self.content_type.partition(";")[0].strip().lower()
        if media_type == "application/json" or media_type.endswith("+json"):
            return json.loads(self.value)
        if media_type.startswith("text/") or media_type.endswith("xml"):
            return self.value.decode()
        raise ValueError(media_type)


def get_record(store_id: str, key: str) -> Call[Record]:
    """
    Get a record of a key-value store.

    :param store_id: ID, `username/name` or `username~name`.
    :param key: the record's key.
    """
    return Call(
        method="GET",
        path=_record_path(store_id, key),
        # Without it, Apify alters HTML records on the way out.
        params={"attachment": True},
        read=lambda answer: Record(
            answer.body, answer.headers.get("Content-Type", "application/octet-stream")
        ),
    )


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
        path=_dataset_path(dataset_id, "items"),
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
    path = _record_path(store_id, key)
    if len(value) > MAX_PAYLOAD_BYTES:
        raise ApifyConfigurationError(
            f"The record {key!r} has {len(value):,} bytes; Apify takes at most {MAX_PAYLOAD_BYTES:,}. "
            "Nothing was written."
        )
    return Call(
        method="PUT",
        path=path,
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


def _dataset_path(dataset_id: str, *rest: str) -> str:
    return "/".join(["/v2/datasets", resource_ref("dataset", dataset_id), *rest])


def _store_path(store_id: str, *rest: str) -> str:
    return "/".join(["/v2/key-value-stores", resource_ref("key-value store", store_id), *rest])


def _record_path(store_id: str, key: str) -> str:
    if not key:
        raise ApifyConfigurationError("The key of the record is empty.")
    # HTTP clients take a path's `.` and `..` away, unless they are disguised.
    return _store_path(
        store_id, "records", quote(key, safe="") if key.strip(".") else key.replace(".", "%2E")
    )


def _line(position: int, item: Any) -> bytes:
    try:
        value = json.loads(item) if isinstance(item, bytes) else item
        line = item if isinstance(item, bytes) else encode_json(item)
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
        read=Answer.data,
    )


def _nothing(answer: Answer) -> None:
    return None
