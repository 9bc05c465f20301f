"""Datasets to the worker's own disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_apify.api.arguments import file_path
from airflow_provider_apify.export.default_concurrency import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.stores.destination import Destination
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.base import DatasetTransfer


class DatasetToLocalOperator(DatasetTransfer):
    """
    Export a dataset into a file on the worker's disk, or on one that is mounted there.

    The file appears when it is whole, and not at all if the task fails. The other parameters are documented
    in :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param path: the file; missing directories are made. (templated)
    """

    template_fields: Sequence[str] = ("path", *DatasetTransfer.template_fields)
    path: str

    def __init__(
        self,
        *,
        path: str,
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
        from airflow_provider_apify.export.stores.local import LocalFile

        return LocalFile(file_path("path", self.path), replace=self.replace)
