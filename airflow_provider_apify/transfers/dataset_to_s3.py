"""Datasets to S3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_apify.api.arguments import required_text, text
from airflow_provider_apify.export.default_concurrency import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.stores.destination import Destination
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.base import DatasetTransfer


class DatasetToS3Operator(DatasetTransfer):
    """
    Export a dataset into an object in S3.

    The object appears when it is whole, and not at all if the task fails; no unfinished upload is left
    behind. Needs the extra `amazon`. The other parameters are documented in
    :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param key: the object's key, or a whole `s3://bucket/key` URL. (templated)
    :param bucket_name: the bucket, unless `key` is a URL. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    """

    template_fields: Sequence[str] = ("key", "bucket_name", "aws_conn_id", *DatasetTransfer.template_fields)
    key: str
    bucket_name: str | None
    aws_conn_id: str | None

    def __init__(
        self,
        *,
        key: str,
        bucket_name: str | None = None,
        aws_conn_id: str | None = "aws_default",
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
        from airflow_provider_apify.export.stores.s3 import S3Object, s3_hook

        return S3Object(
            s3_hook(text("aws_conn_id", self.aws_conn_id)),
            required_text("key", self.key),
            text("bucket_name", self.bucket_name),
            replace=self.replace,
        )
