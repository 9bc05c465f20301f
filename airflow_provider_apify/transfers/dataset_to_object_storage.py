"""Datasets to any object store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.transfers.base import DatasetTransfer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_apify.export.destinations import Destination


class DatasetToObjectStorageOperator(DatasetTransfer):
    """
    Export a dataset into a file in any store that Airflow's `ObjectStoragePath` knows: S3, GCS, Azure, …

    The file appears when it is whole, and not at all if the task fails. Everything else is as in
    :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param path: the file, such as `gs://bucket/items.jsonl`; a string or an `ObjectStoragePath`. (templated)
    :param conn_id: the Airflow connection to the store, unless the path names it:
        `s3://aws_default@bucket/items.jsonl`. (templated)
    """

    template_fields: Sequence[str] = ("path", "conn_id", *DatasetTransfer.template_fields)

    def __init__(self, *, path: str | ObjectStoragePath, conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.conn_id = conn_id

    def _file_name(self) -> str:
        return str(self.path)

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.object_storage import stored_file

        return stored_file(self.path, self.conn_id, replace=self.replace)
