"""JSON Lines: written as they come, as one JSON array, or read into rows for the other formats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from airflow_provider_apify.api.errors import ApifyDataError
from airflow_provider_apify.export.formats import Encoder

T = TypeVar("T")

# One escape in JSON: a pair of surrogates, which is one character; half of one; or any other.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_HALVES = re.compile("[\ud800-\udfff]")


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


def read_rows(read: Callable[[bytes], T], lines: bytes, dataset_id: str, first: int) -> T:
    """
    Have rows read, and say which one it is that cannot be read.

    :param read: reads whole lines, and raises ValueError or RecursionError where that cannot be done.
    :param lines: the rows.
    :param dataset_id: what the rows are of.
    :param first: how many rows came before.
    """
    try:
        return read(lines)
    except (ValueError, RecursionError) as any_row:
        for row, line in enumerate(lines.rstrip(b"\n").split(b"\n"), first):
            try:
                read(line)
            except (ValueError, RecursionError) as error:
                raise unreadable(dataset_id, f"Row {row:,} (from 0)", error) from None
        raise unreadable(dataset_id, "A row", any_row) from None


def unreadable(dataset_id: str, row: str, error: Exception) -> ApifyDataError:
    """Return the error that a row is which no table can hold."""
    # Without its cause, which holds the rows.
    return ApifyDataError(
        f"{row} of this export of the dataset {dataset_id} cannot be exported ({error}). Try again later; "
        "if the error lasts, look at the dataset in Console: `omit` leaves fields out, and the format "
        "`jsonl` takes rows as they are. Nothing was left at a destination."
    )


def parse_rows(page: bytes, **options: Any) -> list[dict[str, Any]]:
    """
    Return the rows of whole lines; ValueError means that they are something else.

    `options` are those of :func:`json.loads`.

    Half a character, such as JavaScript leaves when it cuts an emoji, becomes U+FFFD: JSON can hold it, and
    nothing that is written in UTF-8.
    """
    lines = page.rstrip(b"\n")
    if b"\\ud" in lines or b"\\uD" in lines:
        whole = _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], lines)
        if whole != lines:
            json.loads(_array(lines), object_pairs_hook=_keep_apart)
            lines = whole
    rows: list[dict[str, Any]] = json.loads(_array(lines), **options)
    if not {dict}.issuperset(map(type, rows)) or len(rows) != lines.count(b"\n") + bool(lines):
        raise ValueError("it is not a JSON object")
    return rows


def _array(lines: bytes) -> str:
    # Decoded here: `json` takes encodings of bytes that are none.
    return (b"[" + lines.replace(b"\n", b",") + b"]").decode()


def _keep_apart(fields: list[tuple[str, Any]]) -> None:
    """Refuse names that are no longer two once half a character has become U+FFFD."""
    names = {name for name, _ in fields}
    if len({_HALVES.sub("\ufffd", name) for name in names}) < len(names):
        raise ValueError("it has names that differ in half a character alone")
