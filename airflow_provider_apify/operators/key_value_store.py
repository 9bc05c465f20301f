"""A small record of a key-value store, for the next task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_apify.api import storages
from airflow_provider_apify.api.errors import ApifyDataError, ApifyTooLargeError
from airflow_provider_apify.api.inputs import number
from airflow_provider_apify.hooks.apify import ApifyHook, UsesApify

# What a value may have in the metadata database, whichever that is: MySQL's BLOB is the smallest.
_MAX_XCOM_BYTES = 65_535


class GetKeyValueStoreRecordOperator(UsesApify, BaseOperator):
    """
    Get a small record of a key-value store as the task's result: JSON as its value, text as a string.

    Files and large records go to a store instead, with
    :class:`~airflow_provider_apify.transfers.key_value_store.KeyValueStoreToLocalOperator` and its like.

    :param key_value_store_id: ID, `username/name` or `username~name` of the store. (templated)
    :param key: the record's key. (templated)
    :param max_bytes: how large the record may be; 65,535 by default, as results lie in the metadata database.
        (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyNotFoundError: if there is no such record.
    :raises ApifyTooLargeError: if it is larger than `max_bytes`.
    :raises ApifyDataError: if it is neither JSON nor text.
    """

    template_fields: Sequence[str] = ("key_value_store_id", "key", "max_bytes", "apify_conn_id")
    ui_color = "#e6f0f7"

    def __init__(
        self,
        *,
        key_value_store_id: str,
        key: str = "OUTPUT",
        max_bytes: int | str = _MAX_XCOM_BYTES,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.key_value_store_id = key_value_store_id
        self.key = key
        self.max_bytes = max_bytes
        self.apify_conn_id = apify_conn_id

    def execute(self, context: Context) -> Any:
        """
        Get the record.

        :param context: Airflow's task context.
        """
        call = storages.get_record(self.key_value_store_id, self.key)
        limit = number("max_bytes", self.max_bytes, int)
        try:
            record = self.hook.send(replace(call, max_bytes=limit))
        except ApifyTooLargeError as error:
            raise ApifyTooLargeError(
                f"The record {self.key!r} of the key-value store {self.key_value_store_id} has more than "
                f"{limit:,} bytes. Export it with KeyValueStoreToLocalOperator or its like, or raise "
                "`max_bytes`."
            ) from error
        media_type = record.content_type.partition(";")[0].strip().lower()
        try:
            if media_type == "application/json" or media_type.endswith("+json"):
                return json.loads(record.value)
            if media_type.startswith("text/") or media_type.endswith("xml"):
                return record.value.decode()
        except ValueError as error:
            raise self._not_text(media_type, error) from error
        raise self._not_text(media_type)

    def _not_text(self, media_type: str, error: Exception | None = None) -> ApifyDataError:
        cause = f": {error}" if error else ""
        return ApifyDataError(
            f"The record {self.key!r} of the key-value store {self.key_value_store_id} is neither JSON nor "
            f"text ({media_type}{cause}). Export it with KeyValueStoreToLocalOperator or its like."
        )
