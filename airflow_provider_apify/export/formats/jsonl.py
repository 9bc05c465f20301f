"""JSON Lines: written as they come, as one JSON array, or read into rows for the other formats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_apify.api.errors import ApifyDataError
from airflow_provider_apify.export.formats import Encoder

# One escape in JSON: a pair of surrogates, which is one character; half of one; or any other.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class PassThrough(Encoder):
    """Pages that are the file already: JSON Lines, or blocks of a file that Apify rendered."""

    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        return iter(pages)


class JsonArray(Encoder):
    """One array with an object for each row."""

    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        # A line is a row: within JSON a line break is always escaped.
        before = b"["
        for page in pages:
            if page:
                yield before + page[:-1].replace(b"\n", b",\n")
                before = b",\n"
        yield b"[]" if before == b"[" else b"]"


@contextmanager
def readable_rows(dataset_id: str) -> Iterator[None]:
    """Say of which dataset rows are that cannot be read."""
    try:
        yield
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        # Without its cause, which holds the rows.
        raise ApifyDataError(
            f"A row of the dataset {dataset_id} cannot be read as JSON ({error}). Try again later; if the "
            "error lasts, look at the dataset in Console: the format `jsonl` takes rows as they are. Nothing "
            "was left at a destination."
        ) from None


def parse_rows(page: bytes, **options: Any) -> list[dict[str, Any]]:
    """
    Return the rows of whole lines; `options` are those of :func:`json.loads`.

    Half a character, such as JavaScript leaves when it cuts an emoji, becomes U+FFFD: JSON can hold it, and
    nothing that is written in UTF-8.
    """
    if b"\\ud" in page or b"\\uD" in page:
        page = _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], page)
    rows: list[dict[str, Any]] = json.loads(b"[" + page.rstrip(b"\n").replace(b"\n", b",") + b"]", **options)
    return rows
