"""Small results of a run as the return value of its task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.arguments import one_of
from airflow_provider_apify.api.datasets import get_items
from airflow_provider_apify.api.errors import (
    ApifyConfigurationError,
    ApifyDataError,
    ApifyNotFoundError,
    ApifyTooLargeError,
)
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.key_value_stores import get_record

#: What a task returns that waits for its run: the run info, the dataset's items, or the OUTPUT record.
Returns = Literal["run", "items", "output"]

#: Most bytes that go through XCom, which is a column of Airflow's database.
MAX_INLINE_BYTES = 48_000

_OUTPUT_KEY = "OUTPUT"


def check_returns(returns: str, *, waits: bool) -> None:
    """
    Refuse what cannot be returned, before anything is started.

    :raises ApifyConfigurationError: if the choice is not known, or its result is not when the task returns.
    """
    one_of("returns", returns, Returns)
    if returns != "run" and not waits:
        raise ApifyConfigurationError(
            f'`returns="{returns}"` needs `wait_for_completion=True`. Nothing was started.'
        )


def result_of(run: ActorRun, returns: Returns, send: Send) -> Any:
    """
    Return a task's result, given its run that succeeded.

    :raises ApifyTooLargeError: if the result has more than 48,000 bytes.
    :raises ApifyDataError: if there is no such record, or it is neither JSON nor text.
    """
    if returns == "run":
        return run.info
    try:
        if returns == "items":
            dataset_id = run.data["defaultDatasetId"]
            page = send(replace(get_items(dataset_id, format="json"), max_bytes=MAX_INLINE_BYTES))
            return page.items()
        record = send(
            replace(get_record(run.data["defaultKeyValueStoreId"], _OUTPUT_KEY), max_bytes=MAX_INLINE_BYTES)
        )
    except ApifyTooLargeError as error:
        if returns == "items":
            way = f"dataset_id={run.data['defaultDatasetId']!r} and DatasetToS3Operator"
        else:
            way = f"key_value_store_id={run.data['defaultKeyValueStoreId']!r} and KeyValueStoreToS3Operator"
        raise ApifyTooLargeError(
            f"The run {run.id} succeeded, and its results are too large for XCom (more than "
            f"{MAX_INLINE_BYTES:,} bytes). Leave out `returns`, and land them with {way}, or another of the "
            "transfer operators."
        ) from error
    except ApifyNotFoundError as error:
        raise ApifyDataError(
            f'The run {run.id} succeeded, and left no record {_OUTPUT_KEY}. Use `returns="items"` if the '
            "Actor writes to its dataset."
        ) from error
    try:
        return record.content()
    except ValueError as error:
        raise ApifyDataError(
            f"The run {run.id} succeeded, and its record {_OUTPUT_KEY} is neither JSON nor text ({error}). "
            "Land it with KeyValueStoreToS3Operator, or another of the transfer operators."
        ) from error
