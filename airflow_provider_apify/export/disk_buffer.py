"""Pages kept on disk, for formats that have to see all rows before they can write the first one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_provider_apify.export.layout import Layout
from airflow_provider_apify.export.source import Page


@contextmanager
def surveyed(pages: Iterable[Page], layout: Layout) -> Iterator[Iterable[Page]]:
    """
    Show all pages to a layout that wants to see them, and give them again.

    Meanwhile they lie in a nameless file in the directory for temporary files (`TMPDIR`), which vanishes with
    the process.

    :param pages: JSON Lines.
    :param layout: how they are to be laid out.
    """
    if not layout.surveys:
        yield pages
        return
    with tempfile.TemporaryFile() as file:
        marks = []
        for page in pages:
            layout.see(page.data)
            file.write(page.data)
            marks.append(replace(page, data=b""))
        file.seek(0)
        yield (replace(mark, data=file.read(mark.size)) for mark in marks)
