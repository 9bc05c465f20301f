"""Datasets to S3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.transfers.base import DatasetTransfer

if TYPE_CHECKING:
    from airflow_provider_apify.export.destinations import Destination


class DatasetToS3Operator(DatasetTransfer):
    """
    Export a dataset into an object in S3.

    The object appears when it is whole, and not at all if the task fails; no unfinished upload is left
    behind. Needs the extra `amazon`. Everything else is as in
    :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param key: the object's key, or a whole `s3://bucket/key` URL. (templated)
    :param bucket_name: the bucket, unless `key` is a URL. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    """

    template_fields: Sequence[str] = ("key", "bucket_name", "aws_conn_id", *DatasetTransfer.template_fields)

    def __init__(
        self,
        *,
        key: str,
        bucket_name: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.key = key
        self.bucket_name = bucket_name
        self.aws_conn_id = aws_conn_id

    def _file_name(self) -> str:
        return self.key

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.s3 import S3Object, s3_hook

        return S3Object(s3_hook(self.aws_conn_id), self.key, self.bucket_name, replace=self.replace)
