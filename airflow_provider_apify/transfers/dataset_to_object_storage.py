"""Datasets to any object storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.export import DEFAULT_CONCURRENCY
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.base import DatasetTransfer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_apify.export.stores.destination import Destination


class DatasetToObjectStorageOperator(DatasetTransfer):
    """
    Export a dataset into a file in any store that Airflow's `ObjectStoragePath` knows (S3, GCS, Azure, …).

    The file appears when it is whole, and not at all if the task fails. The other parameters are documented
    in :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param path: the file, such as `gs://bucket/items.jsonl`; a string or an `ObjectStoragePath`. (templated)
    :param conn_id: the Airflow connection to the store, unless the path names it:
        `s3://aws_default@bucket/items.jsonl`. (templated)
    """

    template_fields: Sequence[str] = ("path", "conn_id", *DatasetTransfer.template_fields)

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
        super().__init__(replace=replace, concurrency=concurrency, apify_conn_id=apify_conn_id, **kwargs)
        self.dataset_id, self.format = dataset_id, format
        self.offset, self.limit, self.view = offset, limit, view
        self.fields, self.omit, self.unwind, self.flatten = fields, omit, unwind, flatten
        self.clean, self.skip_hidden, self.skip_empty = clean, skip_hidden, skip_empty
        self.delimiter, self.bom = delimiter, bom
        self.rows_per_file, self.checksum = rows_per_file, checksum
        self.expected_rows, self.fail_on_empty = expected_rows, fail_on_empty
        self.path = path
        self.conn_id = conn_id

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.stores.object_storage import stored_file

        return stored_file(self.path, self.conn_id, replace=self.replace)
