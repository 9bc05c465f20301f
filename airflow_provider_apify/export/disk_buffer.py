"""Pages kept on disk, for formats that have to see all rows before they can write the first one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_provider_apify.api.errors import ApifyDataError
from airflow_provider_apify.export.formats import Encoder, NoTableError
from airflow_provider_apify.export.formats.jsonl import read_rows, unreadable
from airflow_provider_apify.export.item_pages import Page


@contextmanager
def buffer_if_needed(pages: Iterable[Page], encoder: Encoder, dataset_id: str) -> Iterator[Iterable[Page]]:
    """Show all pages to an encoder that wants to see them; refuse those it cannot hold; give them again."""
    if not encoder.inspects:
        yield pages
        return
    # A nameless file in the directory for temporary files (`TMPDIR`), which vanishes with the process.
    with tempfile.TemporaryFile() as file:
        marks = []
        rows = 0
        for page in pages:
            try:
                read_rows(encoder.inspect, page.data, dataset_id, rows)
            except NoTableError as error:
                raise ApifyDataError(
                    f"The rows of the dataset {dataset_id} have {error}. Choose some with `fields`, leave "
                    "some out with `omit`, or use the format `jsonl`, which has no columns. Nothing was "
                    "left at a destination."
                ) from None
            file.write(page.data)
            marks.append(replace(page, data=b""))
            rows += page.rows
        file.seek(0)
        try:
            yield (replace(mark, data=file.read(mark.size)) for mark in marks)
        except RecursionError as error:
            # To write a row may take some more of the stack than to look at it has.
            raise unreadable(dataset_id, "A row", error) from None
