"""Datasets to the worker's own disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.transfers.base import DatasetTransfer

if TYPE_CHECKING:
    from airflow_provider_apify.export.destinations import Destination


class DatasetToLocalOperator(DatasetTransfer):
    """
    Export a dataset into a file on the worker's disk, or on one that is mounted there.

    The file appears when it is whole, and not at all if the task fails. Everything else is as in
    :class:`~airflow_provider_apify.transfers.base.DatasetTransfer`.

    :param path: the file; missing directories are made. (templated)
    """

    template_fields: Sequence[str] = ("path", *DatasetTransfer.template_fields)

    def __init__(self, *, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path

    def _file_name(self) -> str:
        return self.path

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.local import LocalFile

        return LocalFile(self.path, replace=self.replace)
