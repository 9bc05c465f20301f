"""Operators that read from Apify's storages and write into them: datasets, key-value stores, records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.arguments import (
    exactly_one,
    media_type,
    number,
    required_text,
    resource_ref,
    text,
)
from airflow_provider_apify.api.errors import (
    ApifyConfigurationError,
    ApifyDataError,
    ApifyError,
)
from airflow_provider_apify.api.item_chunks import chunks
from airflow_provider_apify.api.key_value_stores import BYTES_TYPE
from airflow_provider_apify.api.request_body import JSON_TYPE, MAX_PAYLOAD_BYTES, encode_argument
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.operators.files_to_push import open_source, read_items
from airflow_provider_apify.runs.xcom_results import MAX_INLINE_BYTES, record_content


class _GetOrCreateOperator(ApifyOperator):
    """Base of the operators that return the ID of a storage."""

    template_fields: Sequence[str] = ("name", "apify_conn_id")
    ui_color = "#e6f0f7"
    _kind: str

    def __init__(self, *, name: str, apify_conn_id: str = ApifyHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(apify_conn_id=apify_conn_id, multiple_outputs=False, **kwargs)
        self.name = name

    def execute(self, context: Context) -> str:
        """Get the storage, or create it, and return its ID."""
        storage = self._get_or_create()
        storage_id = str(storage["id"])
        page = f"https://console.apify.com/storage/{self._kind}/{storage_id}"
        self.log.info("%s is %s: %s", self.name, storage_id, page)
        return storage_id

    def _get_or_create(self) -> dict[str, Any]:
        raise NotImplementedError


class GetOrCreateDatasetOperator(_GetOrCreateOperator):
    """
    Get the ID of the account's dataset of a name; it is made if there is none, and kept until it is deleted.

    :param name: name of the dataset in the account. (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyApiError: if Apify refuses the name.
    """

    _kind = "datasets"

    def _get_or_create(self) -> dict[str, Any]:
        return self.hook.get_or_create_dataset(self.name)


class GetOrCreateKeyValueStoreOperator(_GetOrCreateOperator):
    """
    Get the ID of the account's key-value store of a name; made if there is none, kept until it is deleted.

    :param name: name of the store in the account. (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyApiError: if Apify refuses the name.
    """

    _kind = "key-value-stores"

    def _get_or_create(self) -> dict[str, Any]:
        return self.hook.get_or_create_key_value_store(self.name)


class PushDatasetItemsOperator(ApifyOperator):
    """
    Append items to a dataset.

    They travel in chunks below 5 MB. A chunk is written as a whole or not at all; those before one that fails
    stay, and the error says how many items that are. A dataset cannot be cut back: as a retry of the task
    pushes all items again, give each try a dataset of its own, for instance with `{{ ti.try_number }}` in
    its name, or set `retries=0`.

    Returns the dataset's ID as `dataset_id`, and how many items were pushed as `items`.

    :param dataset_id: ID, `username/name` or `username~name` of the dataset. (templated)
    :param items: a list of JSON objects, for instance another task's result, or (templated)
    :param path: a file with one JSON object per line, or with a JSON array if its name ends in `.json`; also
        `.gz`; on the worker, or an `s3://bucket/key` URL. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :raises ApifyConfigurationError: if there is nothing to push, or an item is not a JSON object.
    :raises ApifyHttpError: if Apify refused the first chunk.
    :raises ApifyDataError: if it broke off later, or it cannot be told whether a chunk was written.
    """

    template_fields: Sequence[str] = ("dataset_id", "items", "path", "aws_conn_id", "apify_conn_id")
    ui_color = "#e6f0f7"

    def __init__(
        self,
        *,
        dataset_id: str,
        items: Iterable[Any] | None = None,
        path: str | None = None,
        aws_conn_id: str | None = "aws_default",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.dataset_id = dataset_id
        self.items = items
        self.path = path
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Push the items, and return how many."""
        pushed = 0
        resource_ref("dataset_id", self.dataset_id)
        try:
            for count, chunk in chunks(self._items()):
                self.hook.push_items(self.dataset_id, chunk)
                pushed += count
                self.log.info("Pushed %s items to the dataset %s.", f"{pushed:,}", self.dataset_id)
        except Exception as error:
            in_doubt = isinstance(error, ApifyError) and retry.may_have_had_effect(error)
            if not pushed and not in_doubt:
                raise
            raise ApifyDataError(
                f"The first {pushed:,} items are in the dataset {self.dataset_id}, and it "
                f"{'cannot be told whether some after them are' if in_doubt else 'has none after them'}: "
                f"{error} Push them all into another dataset, or those would be in this one twice."
            ) from error
        return {"dataset_id": self.dataset_id, "items": pushed}

    def _items(self) -> Iterable[Any]:
        exactly_one(items=self.items, path=self.path)
        if self.path is not None:
            return read_items(required_text("path", self.path), text("aws_conn_id", self.aws_conn_id))
        if isinstance(self.items, str | bytes) or not isinstance(self.items, Iterable):
            raise ApifyConfigurationError(
                f"`items` must be a list of JSON objects, not a {type(self.items).__name__}. "
                "Nothing was sent."
            )
        return [self.items] if isinstance(self.items, dict) else self.items


class GetKeyValueStoreRecordOperator(ApifyOperator):
    """
    Get a small record of a key-value store as the task's result: JSON as its value, text as a string.

    Files and large records go to a store instead, with
    :class:`~airflow_provider_apify.transfers.key_value_store.KeyValueStoreToLocalOperator` and its like.

    :param key_value_store_id: ID, `username/name` or `username~name` of the store. (templated)
    :param key: the record's key. (templated)
    :param max_bytes: how large the record may be; 48,000 by default, as results lie in Airflow's database.
        (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyNotFoundError: if there is no such record.
    :raises ApifyTooLargeError: if the record is larger than `max_bytes`.
    :raises ApifyDataError: if the record is neither JSON nor text.
    """

    template_fields: Sequence[str] = ("key_value_store_id", "key", "max_bytes", "apify_conn_id")
    ui_color = "#e6f0f7"

    def __init__(
        self,
        *,
        key_value_store_id: str,
        key: str = "OUTPUT",
        max_bytes: int | str = MAX_INLINE_BYTES,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, multiple_outputs=False, **kwargs)
        self.key_value_store_id = key_value_store_id
        self.key = key
        self.max_bytes = max_bytes

    def execute(self, context: Context) -> Any:
        """Get the record, and return its value."""
        limit = number("max_bytes", self.max_bytes, int, required=True)
        return record_content(self.hook.send, self.key_value_store_id, self.key, limit)


class SetKeyValueStoreRecordOperator(ApifyOperator):
    """
    Write a record of a key-value store, over the one that is there.

    Returns the store's ID as `key_value_store_id`, and the `key`.

    :param key_value_store_id: ID, `username/name` or `username~name` of the store. (templated)
    :param key: the record's key. (templated)
    :param value: bytes, text, or anything that JSON can hold, for instance another task's result, or
        (templated)
    :param path: a file on the worker, or an `s3://bucket/key` URL, which is written as it is. (templated)
    :param content_type: media type. By default that of JSON, or of plain text or bytes for those. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :raises ApifyConfigurationError: if there is nothing to write, or too much (9,437,184 bytes).
    :raises ApifyApiError: if Apify refuses.
    """

    template_fields: Sequence[str] = (
        "key_value_store_id",
        "key",
        "value",
        "path",
        "content_type",
        "aws_conn_id",
        "apify_conn_id",
    )
    ui_color = "#e6f0f7"

    def __init__(
        self,
        *,
        key_value_store_id: str,
        key: str,
        value: Any = None,
        path: str | None = None,
        content_type: str | None = None,
        aws_conn_id: str | None = "aws_default",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.key_value_store_id = key_value_store_id
        self.key = key
        self.value = value
        self.path = path
        self.content_type = content_type
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the record, and return where."""
        content_type = media_type("content_type", self.content_type) if self.content_type else None
        value, default_type = self._record()
        self.hook.set_record(
            self.key_value_store_id, self.key, value, content_type=content_type or default_type
        )
        return {"key_value_store_id": self.key_value_store_id, "key": self.key}

    def _record(self) -> tuple[bytes, str]:
        exactly_one(value=self.value, path=self.path)
        if self.path is not None:
            path, aws_conn_id = required_text("path", self.path), text("aws_conn_id", self.aws_conn_id)
            with open_source(path, aws_conn_id) as file:
                # One byte too many shows that a file is too large, however large it is.
                return file.read(MAX_PAYLOAD_BYTES + 1), BYTES_TYPE
        if isinstance(self.value, bytes):
            return self.value, BYTES_TYPE
        if isinstance(self.value, str):
            try:
                return self.value.encode(), "text/plain; charset=utf-8"
            except UnicodeEncodeError as error:
                raise ApifyConfigurationError(
                    f"`value` cannot be encoded ({error.reason}). Nothing was sent."
                ) from None
        return encode_argument("value", self.value), JSON_TYPE
