"""Small results of a run as the return value of its task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from airflow import __version__ as airflow_version

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.datasets import get_items
from airflow_provider_apify.api.errors import (
    ApifyDataError,
    ApifyNotFoundError,
    ApifyTooLargeError,
)
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.key_value_stores import get_record
from airflow_provider_apify.runs.plain_json import plain_json

#: What a task returns that waits for its run: the run info, the dataset's items, or the OUTPUT record.
Returns = Literal["run", "items", "output"]

#: Most bytes that go through XCom, which is a column of Airflow's database.
MAX_INLINE_BYTES = 48_000

_OUTPUT_KEY = "OUTPUT"
# Airflow 3.0 fails the task that has an XCom without a value (apache/airflow 55062).
_TAKES_EMPTY_XCOMS = not airflow_version.startswith("3.0.")


def run_info(run: ActorRun) -> dict[str, Any]:
    """Return the run info as a task's result, whose keys become XComs."""
    return {key: value for key, value in run.info.items() if value is not None or _TAKES_EMPTY_XCOMS}


def result_of(run: ActorRun, returns: Returns, send: Send) -> Any:
    """Return a task's result, given its run that succeeded."""
    if returns == "run":
        return run_info(run)
    try:
        if returns == "items":
            dataset_id = _storage_of(run, "defaultDatasetId")
            page = send(replace(get_items(dataset_id, format="json"), max_bytes=MAX_INLINE_BYTES))
            name = f"What the dataset {dataset_id} holds"
            return _inline(page.items, name, "Land it with DatasetToS3Operator or its like.")
        store_id = _storage_of(run, "defaultKeyValueStoreId")
        return record_content(send, store_id, _OUTPUT_KEY, MAX_INLINE_BYTES)
    except ApifyDataError as error:
        message = f"The run {run.id} succeeded, and `returns` cannot bring its results: {error}"
        raise type(error)(message) from error
    except ApifyNotFoundError as error:
        raise ApifyDataError(
            f'The run {run.id} succeeded, and left no record {_OUTPUT_KEY}. Use `returns="items"` if the '
            "Actor writes to its dataset."
        ) from error


def _storage_of(run: ActorRun, key: str) -> str:
    if not run.data.get(key):
        raise ApifyDataError(f"Apify does not tell its `{key}`.")
    return str(run.data[key])


def record_content(send: Send, key_value_store_id: str, key: str, max_bytes: int | None) -> Any:
    """Return a record's content: JSON as its value, text as a string, of at most `max_bytes`."""
    name = f"The record {key!r} of the key-value store {key_value_store_id}"
    way = "Land it with KeyValueStoreToS3Operator, or another of the transfer operators."
    try:
        record = send(replace(get_record(key_value_store_id, key), max_bytes=max_bytes))
    except ApifyTooLargeError as error:
        raise ApifyTooLargeError(f"{name} has more than {max_bytes:,} bytes. {way}") from error
    return _inline(record.content, name, way)


def _inline(parse: Callable[[], Any], name: str, way: str) -> Any:
    try:
        return plain_json(parse())
    except ValueError as error:
        raise ApifyDataError(f"{name} cannot be the result of a task: {error}. {way}") from None
