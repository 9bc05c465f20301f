"""What all transfers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, BaseOperator, Context

from airflow_provider_apify.api.arguments import number, resource_ref
from airflow_provider_apify.export import DEFAULT_CONCURRENCY
from airflow_provider_apify.hooks.apify import ApifyHook, UsesApify
from airflow_provider_apify.runs.lineage import openlineage, report

if TYPE_CHECKING:
    from airflow_provider_apify.export.destinations import Destination
    from airflow_provider_apify.export.selection import Names


class Transfer(UsesApify, BaseOperator):
    """
    Brings something from Apify to a store; the subclasses document the arguments.

    The task's result is a small dict, each key of which is also an XCom of its own: `destination` (a URI; on
    disk there is a `path`, too), `bytes`, `files` and `duration` in seconds. A manifest, where there is
    one, is the destination. The result becomes the extra of events of the task's outlets.
    """

    template_fields: Sequence[str] = ("concurrency", "apify_conn_id")
    ui_color = "#e6f0f7"

    _at_work = False

    def __init__(
        self,
        *,
        replace: bool = False,
        concurrency: int | str = DEFAULT_CONCURRENCY,
        apify_conn_id: str = ApifyHook.default_conn_name,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.replace = replace
        self.concurrency = concurrency
        self.apify_conn_id = apify_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Do the transfer.

        :param context: Airflow's task context.
        :return: what was written.
        """
        self._at_work = True
        try:
            self._result = self._transfer()
        finally:
            self._at_work = False
        report(self.hook, self._source_uri(), self._result["destination"])
        for outlet in self.outlets or ():
            context["outlet_events"][outlet].extra.update(self._result)
        return self._result

    def on_kill(self) -> None:
        """Stop, and leave nothing behind: Airflow 3 only calls this, and kills the task seconds later."""
        if self._at_work:
            self._at_work = False
            raise AirflowException("Airflow told this task to stop.")

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """
        Return the lineage of the finished task, for the OpenLineage provider.

        :param task_instance: of no use here.
        """
        return openlineage(self._source_uri(), self._result["destination"], self._result)

    def _transfer(self) -> dict[str, Any]:
        raise NotImplementedError

    def _source_uri(self) -> str:
        raise NotImplementedError


class DatasetTransfer(Transfer):
    """
    Export a dataset into a file; a subclass says where that is.

    :param dataset_id: ID, `username/name` or `username~name` of the dataset. (templated)
    :param format: `jsonl`, `json`, `csv`, `parquet` (extra `parquet`), or one of those that Apify makes as
        a whole: `xlsx`, `xml`, `html`, `rss`. By default the file's name decides, and if that says nothing,
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
    :param rows_per_file: write numbered files of so many rows: `items.csv` becomes `items-00000.csv`,
        `items-00001.csv`, … and `_items.csv.manifest.json`, which comes last and lists them with their rows,
        bytes and SHA-256. CSV and Parquet files of one export have the same columns. (templated)
    :param expected_rows: how many rows there must be, or the task fails. (templated)
    :param fail_on_empty: fail if there is no row.
    :param checksum: add the file's SHA-256 to the result.
    :param concurrency: how many requests at a time. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :param multiple_outputs: make every key of the result an XCom of its own.
    :raises ApifyConfigurationError: if an argument or the destination cannot be used; nothing was read.
    :raises ApifyDataError: if Apify gives fewer items than the dataset has, or there are not as many rows as
        was asked for; nothing was left behind.
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
        "rows_per_file",
        "expected_rows",
        *Transfer.template_fields,
    )

    def __init__(
        self,
        *,
        dataset_id: str,
        format: str | None = None,
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
        rows_per_file: int | str | None = None,
        expected_rows: int | str | None = None,
        fail_on_empty: bool = False,
        checksum: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_id = dataset_id
        self.format = format
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
        self.rows_per_file = rows_per_file
        self.expected_rows = expected_rows
        self.fail_on_empty = fail_on_empty
        self.checksum = checksum

    def _transfer(self) -> dict[str, Any]:
        from airflow_provider_apify.export.exporter import Job, export
        from airflow_provider_apify.export.formats import choose_format
        from airflow_provider_apify.export.selection import select
        from airflow_provider_apify.export.table import CsvOptions

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
        job = Job(
            dataset_id=self.dataset_id,
            selection=selection,
            format=choose_format(self.format, self._file_name()),
            csv=CsvOptions(self.delimiter, self.bom, self.skip_header_row, selection.fields),
            destination=self._destination(),
            rows_per_file=number("rows_per_file", self.rows_per_file, int, least=1),
            expected_rows=number("expected_rows", self.expected_rows, int),
            fail_on_empty=self.fail_on_empty,
            checksum=self.checksum,
            concurrency=number("concurrency", self.concurrency, int, least=1),
        )
        return export(job, self.hook.get_conn(), self.log)

    def _source_uri(self) -> str:
        return f"apify://datasets/{resource_ref('dataset', self.dataset_id)}"

    def _file_name(self) -> str:
        raise NotImplementedError

    def _destination(self) -> Destination:
        raise NotImplementedError
