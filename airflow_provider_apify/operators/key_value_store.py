"""A small record of a key-value store, for the next task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_apify.api import datasets
from airflow_provider_apify.api.errors import ApifyDataError, ApifyTooLargeError
from airflow_provider_apify.api.arguments import number
from airflow_provider_apify.hooks.apify import ApifyHook, UsesApify
from airflow_provider_apify.runs.xcom_results import MAX_INLINE_BYTES


class GetKeyValueStoreRecordOperator(UsesApify, BaseOperator):
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
        max_bytes: int | str = MAX_INLINE_BYTES,
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
        try:
            return record.content()
        except ValueError as error:
            raise ApifyDataError(
                f"The record {self.key!r} of the key-value store {self.key_value_store_id} is neither JSON "
                f"nor text ({error}). Export it with KeyValueStoreToLocalOperator or its like."
            ) from error
