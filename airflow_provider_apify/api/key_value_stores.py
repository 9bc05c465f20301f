"""Calls about key-value stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_apify.api.arguments import (
    media_type,
    number,
    required_text,
    resource_ref,
    storage_name,
    text,
)
from airflow_provider_apify.api.call import (
    MAX_BULK_BYTES,
    MAX_LIST_LIMIT,
    Answer,
    Call,
    no_result,
    parse_json,
    refuse_html,
    require_end,
)
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.foreign_text import foreign_text
from airflow_provider_apify.api.request_body import MAX_PAYLOAD_BYTES

#: The media type of bytes of which nothing else is known.
BYTES_TYPE = "application/octet-stream"
# A record comes with the compression that it was stored with, and some hundred bytes may unpack to gigabytes;
# what is no such bomb becomes some ten times as large.
_MAX_INFLATION = 100


def get_key_value_store(key_value_store_id: str) -> Call[dict[str, Any]]:
    """
    Get a key-value store's metadata.

    :param key_value_store_id: ID, `username/name` or `username~name`.
    """
    return Call(method="GET", path=_path(key_value_store_id), read=Answer.resource)


def get_or_create_key_value_store(name: str) -> Call[dict[str, Any]]:
    """
    Get the account's key-value store of a name, made if there is none; it is kept until it is deleted.

    :param name: its name in the account.
    """
    params = {"name": storage_name("name", name)}
    return Call(method="POST", path="/v2/key-value-stores", params=params, read=Answer.resource)


def list_keys(
    key_value_store_id: str,
    *,
    prefix: str | None = None,
    exclusive_start_key: str | None = None,
    limit: int = MAX_LIST_LIMIT,
) -> Call[dict[str, Any]]:
    """
    List keys of a key-value store: `items`, and `nextExclusiveStartKey` while `isTruncated`.

    :param key_value_store_id: ID, `username/name` or `username~name`.
    :param prefix: only keys that start with this text.
    :param exclusive_start_key: only keys after this one.
    :param limit: how many keys at the most, up to 1,000.
    """
    return Call(
        method="GET",
        path=f"{_path(key_value_store_id)}/keys",
        params={
            "prefix": text("prefix", prefix),
            "exclusiveStartKey": text("exclusive_start_key", exclusive_start_key),
            "limit": number("limit", limit, int, least=1),
        },
        read=_read_keys,
    )


def _read_keys(answer: Answer) -> dict[str, Any]:
    keys = answer.data()
    texts = [item["key"] for item in keys["items"]]
    if not all(isinstance(one, str) for one in [*texts, keys.get("nextExclusiveStartKey") or ""]):
        raise ValueError("a key is no text")
    return keys


@dataclass(frozen=True)
class Record:
    """A record of a key-value store: its bytes, and the media type that it was stored with."""

    value: bytes
    content_type: str

    def content(self) -> Any:
        """Return JSON as its value, and text as a string; raise ValueError if the record is neither."""
        media_type = self.content_type.partition(";")[0].strip().lower()
        if media_type == "application/json" or media_type.endswith("+json"):
            return parse_json(self.value)
        if media_type.startswith("text/") or media_type.endswith("xml"):
            return self.value.decode()
        raise ValueError(f"it is {foreign_text(media_type)}, neither JSON nor text")


def get_record(key_value_store_id: str, key: str) -> Call[Record]:
    """
    Get a record of a key-value store.

    :param key_value_store_id: ID, `username/name` or `username~name`.
    :param key: the record's key.
    """
    return Call(
        method="GET",
        path=_record_path(key_value_store_id, key),
        # Without it, Apify alters HTML records on the way out.
        params={"attachment": True},
        check=_check_record,
        max_inflation=_MAX_INFLATION,
        read=lambda answer: Record(answer.body, answer.headers.get("Content-Type", BYTES_TYPE)),
        max_bytes=MAX_BULK_BYTES,
        # A large one may lie elsewhere (API reference, "Get record").
        may_redirect=True,
    )


def _check_record(headers: Mapping[str, str]) -> None:
    """Refuse a record that may have been cut, or an HTML page that is none."""
    require_end(headers)
    # Apify says that it gives an attachment, and S3, to which it may redirect, that it is S3.
    if not headers.get("Content-Disposition") and not headers.get("x-amz-request-id"):
        refuse_html(headers)


def set_record(key_value_store_id: str, key: str, value: bytes, *, content_type: str) -> Call[None]:
    """
    Write a record of a key-value store, over the one that is there.

    :param key_value_store_id: ID, `username/name` or `username~name`.
    :param key: the record's key.
    :param value: the bytes, at most 9,437,184.
    :param content_type: their media type.
    :raises ApifyConfigurationError: if there are more bytes; nothing was sent.
    """
    path = _record_path(key_value_store_id, key)
    headers = {"Content-Type": media_type("content_type", content_type)}
    if not isinstance(value, bytes):
        raise ApifyConfigurationError(
            f"`value` must be bytes, not a {type(value).__name__}. Nothing was sent."
        )
    if len(value) > MAX_PAYLOAD_BYTES:
        raise ApifyConfigurationError(
            f"The record {key!r} has more than the {MAX_PAYLOAD_BYTES:,} bytes that Apify takes at most. "
            "Nothing was written."
        )
    return Call(method="PUT", path=path, body=value, headers=headers, read=no_result)


def _path(key_value_store_id: str) -> str:
    return f"/v2/key-value-stores/{resource_ref('key_value_store_id', key_value_store_id)}"


def _record_path(key_value_store_id: str, key: str) -> str:
    required_text("key", key)
    # HTTP clients take a path's `.` and `..` away, unless they are disguised.
    name = quote(key, safe="") if key.strip(".") else key.replace(".", "%2E")
    return f"{_path(key_value_store_id)}/records/{name}"
