"""Telling of a run without risk to it: what only reports must not fail a task whose run has been paid for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_apify.api.foreign_text import foreign_text


@contextmanager
def best_effort(log: Any, what: str) -> Iterator[None]:
    """Report something of a run; trouble in doing so is a line in the log, and no error."""
    try:
        yield
    except Exception as error:
        told = foreign_text(repr(error))
        log.warning("Could not report %s; the run itself is not affected. (%s)", what, told)
