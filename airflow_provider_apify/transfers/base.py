"""What all transfers of datasets have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_apify.api.inputs import number, resource_ref
from airflow_provider_apify.export.destinations import Destination
from airflow_provider_apify.export.exporter import export
from airflow_provider_apify.export.formats import choose_format
from airflow_provider_apify.export.reading import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.selection import Names, select
from airflow_provider_apify.export.table import CsvOptions
from airflow_provider_apify.hooks.apify import ApifyHook


class DatasetTransfer(BaseOperator):
    """
    Export a dataset into a file; a subclass says where that is.

    :param dataset_id: ID, `username/name` or `username~name` of the dataset. (templated)
    :param format: `jsonl`, `json` or `csv`. By default the file's name decides, and if that says nothing,
        `jsonl`. A name that ends in `.gz` gives a compressed file. (templated)
    :param replace: replace an existing file. Otherwise the task fails before it reads anything.
    :param offset: how many items to pass over. (templated)
    :param limit: how many items to take at the most. (templated)
    :param desc: newest items first.
    :param fields: take these fields only: a list, or names with commas between them. (templated)
    :param omit: leave these fields out. (templated)
    :param unwind: make a row of each element of these fields. (templated)
    :param flatten: make `{"a": {"b": 1}}` of these fields `{"a.b": 1}`. (templated)
    :param clean: the same as `skip_hidden` and `skip_empty`.
    :param skip_hidden: leave out fields whose name starts with `#`.
    :param skip_empty: leave out items without any field.
    :param view: a view of the dataset's schema. (templated)
    :param delimiter: between the columns of a CSV file. (templated)
    :param bom: start a CSV file with a byte order mark. Apify's own CSV does; most loaders stumble over it.
    :param skip_header_row: leave the columns' names out of a CSV file.
    :param concurrency: how many requests at a time. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :raises ApifyConfigurationError: if an argument or the destination cannot be used; nothing was read.
    :raises ApifyDataError: if Apify gives fewer items than the dataset has; nothing was left behind.
    :raises ApifyHttpError: if Apify cannot be asked, or refuses; nothing was left behind.
    """

    template_fields: Sequence[str] = (
        "dataset_id",
        "format",
        "offset",
        "limit",
        "fields",
        "omit",
        "unwind",
        "flatten",
        "view",
        "delimiter",
        "concurrency",
        "apify_conn_id",
    )
    ui_color = "#e6f0f7"

    def __init__(
        self,
        *,
        dataset_id: str,
        format: str | None = None,
        replace: bool = False,
        offset: int | str | None = None,
        limit: int | str | None = None,
        desc: bool = False,
        fields: Names = None,
        omit: Names = None,
        unwind: Names = None,
        flatten: Names = None,
        clean: bool = False,
        skip_hidden: bool = False,
        skip_empty: bool = False,
        view: str | None = None,
        delimiter: str = ",",
        bom: bool = False,
        skip_header_row: bool = False,
        concurrency: int | str = DEFAULT_CONCURRENCY,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id
        self.format = format
        self.replace = replace
        self.offset = offset
        self.limit = limit
        self.desc = desc
        self.fields = fields
        self.omit = omit
        self.unwind = unwind
        self.flatten = flatten
        self.clean = clean
        self.skip_hidden = skip_hidden
        self.skip_empty = skip_empty
        self.view = view
        self.delimiter = delimiter
        self.bom = bom
        self.skip_header_row = skip_header_row
        self.concurrency = concurrency
        self.apify_conn_id = apify_conn_id

    @cached_property
    def hook(self) -> ApifyHook:
        """The way to Apify."""
        return ApifyHook(self.apify_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Export the dataset.

        :param context: Airflow's task context.
        :return: `destination`, `rows`, `bytes`, `files`, `dataset_id` and `duration` in seconds.
        """
        resource_ref("dataset", self.dataset_id)
        selection = select(
            offset=self.offset,
            limit=self.limit,
            desc=self.desc,
            fields=self.fields,
            omit=self.omit,
            unwind=self.unwind,
            flatten=self.flatten,
            clean=self.clean,
            skip_hidden=self.skip_hidden,
            skip_empty=self.skip_empty,
            view=self.view,
        )
        csv = CsvOptions(self.delimiter, self.bom, self.skip_header_row, selection.fields)
        return export(
            self.dataset_id,
            selection,
            choose_format(self.format, self._file_name(), csv),
            self._destination(),
            client=self.hook.get_conn(),
            concurrency=number("concurrency", self.concurrency, int, least=1),
            log=self.log,
        )

    def _file_name(self) -> str:
        raise NotImplementedError

    def _destination(self) -> Destination:
        raise NotImplementedError
