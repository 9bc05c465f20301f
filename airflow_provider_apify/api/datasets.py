"""Calls about datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from airflow_provider_apify.api.arguments import resource_ref, storage_name
from airflow_provider_apify.api.call import DEFAULT_ATTEMPTS, Answer, Call, no_result
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.json_body import JSON_TYPE, encode_json

# Apify takes 5 MB of items at a time (API reference, "Store items"), and does not say which megabytes.
_MAX_CHUNK_BYTES = 4_500_000


def get_dataset(dataset_id: str, *, max_attempts: int = DEFAULT_ATTEMPTS) -> Call[dict[str, Any]]:
    """
    Get a dataset's metadata; its counts may lag some seconds behind (API reference, "Get dataset").

    :param dataset_id: ID, `username/name` or `username~name`.
    :param max_attempts: how often the call is tried at the most.
    """
    return Call(method="GET", path=_path(dataset_id), max_attempts=max_attempts, read=Answer.data)


def get_or_create_dataset(name: str) -> Call[dict[str, Any]]:
    """
    Get the account's dataset of a name, made if there is none; a named storage is kept until it is deleted.

    :param name: its name in the account.
    """
    params = {"name": storage_name("dataset", name)}
    return Call(method="POST", path="/v2/datasets", params=params, read=Answer.data)


@dataclass(frozen=True)
class ItemsPage:
    """A page of a dataset: the items in the format asked for, and headers that are found in any case."""

    body: bytes
    headers: Mapping[str, str]

    def items(self) -> list[Any]:
        """Return the items of a JSON page."""
        return cast("list[Any]", json.loads(self.body))


def get_items(dataset_id: str, *, raw: bool = False, **params: Any) -> Call[ItemsPage]:
    """
    Get one page of a dataset's items.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param raw: leave a compressed body compressed.
    :param params: the API's own query parameters (`format`, `offset`, `limit`, `clean`, `fields`, …).
    """
    return Call(
        method="GET",
        path=f"{_path(dataset_id)}/items",
        params=params,
        raw=raw,
        read=lambda answer: ItemsPage(answer.body, answer.headers),
    )


def push_items(dataset_id: str, items: bytes) -> Call[None]:
    """
    Append items to a dataset: all of them, or none. Is never repeated blindly: it would append them twice.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param items: a JSON array of at most some 5 MB.
    """
    return Call(
        method="POST",
        path=f"{_path(dataset_id)}/items",
        body=items,
        headers={"Content-Type": JSON_TYPE},
        replayable=False,
        read=no_result,
    )


def chunks(items: Iterable[Any]) -> Iterator[tuple[int, bytes]]:
    """Cut items, or bytes that hold one each, into counted JSON arrays of a size that Apify takes."""
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


def _path(dataset_id: str) -> str:
    return f"/v2/datasets/{resource_ref('dataset', dataset_id)}"


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
