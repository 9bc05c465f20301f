"""Bases of the transfers: the shared work; each public class says where the files go."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, Context

from airflow_provider_apify.api.arguments import flags, number, required_text, resource_ref
from airflow_provider_apify.export.default_concurrency import MAX_CONCURRENCY
from airflow_provider_apify.export.stores.destination import Destination
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.runs.lineage import openlineage, report


class Transfer(ApifyOperator):
    """
    Bring something from Apify to a destination.

    The task's result is a small dict, each key of which is also an XCom of its own: `destination` (a URI; on
    disk there is a `path`, too), `bytes`, `files` and `duration` in seconds. A manifest, where there is
    one, is the destination. The result becomes the extra of events of the task's outlets.
    """

    template_fields: Sequence[str] = ("concurrency", "apify_conn_id")
    ui_color = "#e6f0f7"
    replace: bool
    concurrency: int | str

    _at_work = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the transfer, and return what was written."""
        source = self._source_uri()
        flags(replace=self.replace)
        concurrency: int = number(
            "concurrency", self.concurrency, int, least=1, most=MAX_CONCURRENCY, required=True
        )
        self._at_work = True
        try:
            self._result = self._transfer(self._destination(), concurrency)
        finally:
            self._at_work = False
        report(self.hook, source, self._result["destination"])
        for outlet in self.outlets or ():
            context["outlet_events"][outlet].extra.update(self._result)
        return self._result

    def on_kill(self) -> None:
        """Stop, and leave nothing behind: Airflow 3 only calls this, and kills the task seconds later."""
        if self._at_work:
            self._at_work = False
            raise AirflowException("Airflow told this task to stop.")

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of the finished task, for the OpenLineage provider."""
        return openlineage(self._source_uri(), self._result["destination"], self._result)

    def _destination(self) -> Destination:
        """Return the file to write, or the manifest of the files."""
        raise NotImplementedError

    def _transfer(self, destination: Destination, concurrency: int) -> dict[str, Any]:
        raise NotImplementedError

    def _source_uri(self) -> str:
        """Return the URI of what is at Apify, for lineage; refuse an ID that cannot be one."""
        raise NotImplementedError


class DatasetTransfer(Transfer):
    """
    Export a dataset into a file. The result of the task has `dataset_id` and `rows`, too.

    :param dataset_id: ID, `username/name` or `username~name` of the dataset. (templated)
    :param format: `jsonl`, `json`, `csv`, `parquet` (extra `parquet`), or one of those that Apify makes as
        a whole: `xlsx`, `xml`, `html`, `rss`. By default the file's name decides, and if that says nothing,
        `jsonl`. A name that ends in `.gz` gives a compressed file. CSV holds text as it was scraped: what
        begins with `=`, `+`, `-` or `@` is a formula to a spreadsheet. (templated)
    :param offset: number of items to pass over. (templated)
    :param limit: number of items to take at the most; all by default. (templated)
    :param fields: take these fields only: a list, or names with commas between them. (templated)
    :param omit: leave these fields out. (templated)
    :param unwind: make a row of each element of these fields, one field after the other. (templated)
    :param flatten: make `{"a": {"b": 1}}` of these fields `{"a.b": 1}`. (templated)
    :param clean: the same as `skip_hidden` and `skip_empty`.
    :param skip_hidden: leave out fields whose name starts with `#`.
    :param skip_empty: leave out items without any field.
    :param view: a view of the dataset's schema. (templated)
    :param delimiter: the character between the columns of a CSV file, a comma by default. (templated)
    :param bom: start a CSV file with a byte order mark. Apify's own CSV does; most loaders stumble over it.
    :param rows_per_file: write numbered files of so many rows: `items.csv` becomes `items-00000.csv`,
        `items-00001.csv`, … and `_items.csv.manifest.json`, which comes last and lists them with their rows,
        bytes and SHA-256. CSV and Parquet files of one export have the same columns. (templated)
    :param expected_rows: number of rows there must be, or the task fails. (templated)
    :param fail_on_empty: fail if there is no row; an empty file is written otherwise.
    :param checksum: add the file's SHA-256 to the result, as `sha256`.
    :param replace: replace an existing file. Otherwise the task fails before it reads anything.
    :param concurrency: number of requests at a time, 16 by default. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :raises ApifyConfigurationError: if an argument or the destination cannot be used; nothing was read.
    :raises ApifyDataError: if Apify gives fewer items than the dataset has, or there are not as many rows as
        was asked for; nothing was left behind.
    :raises ApifyHttpError: if Apify cannot be asked, or refuses; nothing was left behind.
    """

    template_fields: Sequence[str] = (
        *("dataset_id", "format", "offset", "limit", "fields", "omit", "unwind", "flatten", "view"),
        *("delimiter", "rows_per_file", "expected_rows"),
        *Transfer.template_fields,
    )
    dataset_id: str
    format: str | None
    offset: int | str | None
    limit: int | str | None
    fields: Sequence[str] | str | None
    omit: Sequence[str] | str | None
    unwind: Sequence[str] | str | None
    flatten: Sequence[str] | str | None
    clean: bool
    skip_hidden: bool
    skip_empty: bool
    view: str | None
    delimiter: str
    bom: bool
    rows_per_file: int | str | None
    expected_rows: int | str | None
    fail_on_empty: bool
    checksum: bool

    def _transfer(self, destination: Destination, concurrency: int) -> dict[str, Any]:
        from airflow_provider_apify.api.item_selection import select
        from airflow_provider_apify.export.dataset import export_dataset
        from airflow_provider_apify.export.formats.csv import CsvOptions
        from airflow_provider_apify.export.formats.format_choice import choose_format

        flags(bom=self.bom, fail_on_empty=self.fail_on_empty, checksum=self.checksum)
        selection = select(**{name: getattr(self, name) for name in signature(select).parameters})
        return export_dataset(
            self.dataset_id,
            destination,
            client=self.hook.get_conn(),
            log=self.log,
            selection=selection,
            file_format=choose_format(self.format, destination.name),
            csv=CsvOptions(required_text("delimiter", self.delimiter), self.bom, selection.fields),
            rows_per_file=number("rows_per_file", self.rows_per_file, int, least=1),
            expected_rows=number("expected_rows", self.expected_rows, int),
            fail_on_empty=self.fail_on_empty,
            checksum=self.checksum,
            concurrency=concurrency,
        )

    def _source_uri(self) -> str:
        return f"apify://datasets/{resource_ref('dataset_id', self.dataset_id)}"
