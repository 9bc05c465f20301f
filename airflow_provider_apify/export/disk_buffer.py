"""Pages kept on disk, for formats that have to see all rows before they can write the first one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_provider_apify.export.formats import Encoder
from airflow_provider_apify.export.item_pages import Page


@contextmanager
def buffer_if_needed(pages: Iterable[Page], encoder: Encoder) -> Iterator[Iterable[Page]]:
    """Show all pages to an encoder that wants to see them, and give them again."""
    if not encoder.inspects:
        yield pages
        return
    # A nameless file in the directory for temporary files (`TMPDIR`), which vanishes with the process.
    with tempfile.TemporaryFile() as file:
        marks = []
        for page in pages:
            encoder.inspect(page.data)
            file.write(page.data)
            marks.append(replace(page, data=b""))
        file.seek(0)
        yield (replace(mark, data=file.read(mark.size)) for mark in marks)
