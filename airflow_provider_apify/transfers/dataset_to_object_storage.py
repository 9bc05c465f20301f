"""Datasets to any object storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.api.arguments import store_path, text
from airflow_provider_apify.export.default_concurrency import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.stores.destination import Destination
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.base import DatasetTransfer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


class DatasetToObjectStorageOperator(DatasetTransfer):
    """
    Export a dataset into a file in any store that `ObjectStoragePath` knows, such as S3, GCS or Azure.

    The file appears when it is whole, and not at all if the task fails. The other parameters are documented
    in :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param path: the file, such as `gs://bucket/items.jsonl`; a string or an `ObjectStoragePath`. (templated)
    :param conn_id: the Airflow connection to the store, unless the path names it:
        `s3://aws_default@bucket/items.jsonl`. (templated)
    """

    template_fields: Sequence[str] = ("path", "conn_id", *DatasetTransfer.template_fields)
    path: str | ObjectStoragePath
    conn_id: str | None

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        conn_id: str | None = None,
        dataset_id: str,
        format: str | None = None,
        offset: int | str | None = None,
        limit: int | str | None = None,
        fields: Sequence[str] | str | None = None,
        omit: Sequence[str] | str | None = None,
        unwind: Sequence[str] | str | None = None,
        flatten: Sequence[str] | str | None = None,
        clean: bool = False,
        skip_hidden: bool = False,
        skip_empty: bool = False,
        view: str | None = None,
        delimiter: str = ",",
        bom: bool = False,
        rows_per_file: int | str | None = None,
        expected_rows: int | str | None = None,
        fail_on_empty: bool = False,
        checksum: bool = False,
        replace: bool = False,
        concurrency: int | str = DEFAULT_CONCURRENCY,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(locals())

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.stores.object_storage import stored_file

        return stored_file(store_path("path", self.path), text("conn_id", self.conn_id), replace=self.replace)
