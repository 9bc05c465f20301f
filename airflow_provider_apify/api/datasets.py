"""Calls about datasets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from airflow_provider_apify.api.arguments import flags, number, one_of, resource_ref, storage_name
from airflow_provider_apify.api.call import (
    DEFAULT_ATTEMPTS,
    MAX_BULK_BYTES,
    Answer,
    Call,
    media_type,
    no_result,
    parse_json,
    refuse_html,
    require_end,
)
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.item_selection import Names, select
from airflow_provider_apify.api.request_body import JSON_TYPE


def get_dataset(dataset_id: str, *, max_attempts: int = DEFAULT_ATTEMPTS) -> Call[dict[str, Any]]:
    """
    Get a dataset's metadata; its counts may lag some seconds behind (API reference, "Get dataset").

    :param dataset_id: ID, `username/name` or `username~name`.
    :param max_attempts: how often the call is tried at the most.
    """
    attempts = number("max_attempts", max_attempts, int, least=1, required=True)
    return Call(method="GET", path=_path(dataset_id), max_attempts=attempts, read=_read_dataset)


def _read_dataset(answer: Answer) -> dict[str, Any]:
    dataset = answer.resource()
    count, stats = dataset.get("itemCount") or 0, dataset.get("stats") or {}
    if type(count) is not int or count < 0 or not isinstance(stats, dict):
        raise ValueError("its `itemCount` is no count, or its `stats` are no object")
    return {**dataset, "itemCount": count, "stats": stats}


def get_or_create_dataset(name: str) -> Call[dict[str, Any]]:
    """
    Get the account's dataset of a name, made if there is none; a named storage is kept until it is deleted.

    :param name: its name in the account.
    """
    params = {"name": storage_name("name", name)}
    return Call(method="POST", path="/v2/datasets", params=params, read=Answer.resource)


@dataclass(frozen=True)
class ItemsPage:
    """A page of a dataset: the items in the format asked for, and headers that are found in any case."""

    body: bytes
    headers: Mapping[str, str]

    def items(self) -> list[Any]:
        """Return the items of a JSON page."""
        return cast("list[Any]", parse_json(self.body))


def get_items(
    dataset_id: str,
    *,
    format: str = "json",
    offset: int | None = None,
    limit: int | None = None,
    desc: bool = False,
    fields: Names = None,
    omit: Names = None,
    unwind: Names = None,
    flatten: Names = None,
    clean: bool = False,
    skip_hidden: bool = False,
    skip_empty: bool = False,
    view: str | None = None,
) -> Call[ItemsPage]:
    """
    Get one page of a dataset's items.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param format: `json`, of which `.items()` is the list, or `jsonl`, `csv`, `xlsx`, `xml`, `html`, `rss`.
    :param offset: how many items to pass over.
    :param limit: how many items to take at the most; as many as Apify gives at once by default.
    :param desc: newest first.
    :param fields: take these fields only: a list, or names with commas between them.
    :param omit: leave these fields out.
    :param unwind: make an item of each element of these fields.
    :param flatten: make `{"a": {"b": 1}}` of these fields `{"a.b": 1}`.
    :param clean: the same as `skip_hidden` and `skip_empty`.
    :param skip_hidden: leave out fields whose name starts with `#`.
    :param skip_empty: leave out items without any field.
    :param view: a view of the dataset's schema.
    """
    one_of("format", format, Literal["json", "jsonl", "csv", "xlsx", "xml", "html", "rss"])
    flags(desc=desc)
    selection = select(
        offset=offset,
        limit=limit,
        fields=fields,
        omit=omit,
        unwind=unwind,
        flatten=flatten,
        clean=clean,
        skip_hidden=skip_hidden,
        skip_empty=skip_empty,
        view=view,
    )
    page = {"offset": selection.offset or None, "limit": selection.limit, "desc": desc or None}
    return request_items(dataset_id, {**selection.shape, "format": format, **page})


def request_items(dataset_id: str, params: Mapping[str, Any]) -> Call[ItemsPage]:
    """Ask for items with the API's own query parameters."""
    return Call(
        method="GET",
        path=f"{_path(dataset_id)}/items",
        params=params,
        check=partial(_check_items, params),
        read=_read_items,
        max_bytes=MAX_BULK_BYTES,
    )


def _read_items(answer: Answer) -> ItemsPage:
    require_end(answer.headers)
    return ItemsPage(answer.body, answer.headers)


# Formats whose media type no proxy gives its own pages; JSON and HTML may be anybody's.
_TELLING_FORMATS = ("jsonl", "csv")


def _check_items(asked: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Refuse an answer that does not say that it holds items, or that says that it holds other ones."""
    format_name, type_ = asked.get("format") or "json", media_type(headers)
    if format_name != "html":
        refuse_html(headers)
    told = {name: headers.get(f"X-Apify-Pagination-{name.title()}") for name in ("offset", "limit", "desc")}
    if told["offset"] is None and not (format_name in _TELLING_FORMATS and type_.endswith(f"/{format_name}")):
        raise ValueError(f"neither its headers nor its type, {type_!r}, are those of a dataset's items")
    offset, limit = int(asked.get("offset") or 0), int(asked.get("limit") or 0)
    if (
        int(told["offset"] or offset) != offset
        # Apify may have a limit of its own, which is lower.
        or int(told["limit"] or 0) > (limit or math.inf)
        or (told["desc"] is not None and (told["desc"] in ("true", "1")) is not bool(asked.get("desc")))
    ):
        raise ValueError(f"it answers another question, with {told}, such as a cache may have kept")


def push_items(dataset_id: str, items: bytes) -> Call[None]:
    """
    Append items to a dataset: all of them, or none. Is never repeated blindly: it would append them twice.

    :param dataset_id: ID, `username/name` or `username~name`.
    :param items: a JSON array of at most some 5 MB.
    """
    if not isinstance(items, bytes):
        raise ApifyConfigurationError(
            f"`items` must be the bytes of a JSON array, not a {type(items).__name__}. Nothing was sent."
        )
    return Call(
        method="POST",
        path=f"{_path(dataset_id)}/items",
        body=items,
        headers={"Content-Type": JSON_TYPE},
        replayable=False,
        read=no_result,
    )


def _path(dataset_id: str) -> str:
    return f"/v2/datasets/{resource_ref('dataset_id', dataset_id)}"
