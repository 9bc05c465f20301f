"""Formats of files: encoders that make the bytes of a file of rows, and which format a file has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

#: Most columns of a table, as in the tables that Apify makes: each row has a cell in each of them, so a few
#: rows with many names, or one long array, would make a small dataset a huge file.
MAX_COLUMNS = 2_000
#: Most characters of a column's name, with the way to its value: one long name of an object would be there
#: again in the name of each of its columns.
MAX_NAME_CHARACTERS = 2_000


class NoTableError(Exception):
    """No table has a place for the rows so far; the message tells what they have."""


class TooManyColumnsError(NoTableError):
    """The rows so far have more than `MAX_COLUMNS` columns."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_COLUMNS:,} columns, counted with one for each element of an array")


class LongNameError(NoTableError):
    """The rows so far have a column whose name has more than `MAX_NAME_CHARACTERS`."""

    def __init__(self) -> None:
        super().__init__(
            f"a column whose name, with the way to it, has more than {MAX_NAME_CHARACTERS:,} characters"
        )


class Encoder(ABC):
    """Turns pages of JSON Lines into files, one or several of the same kind; made anew for each export."""

    #: Whether all pages have to be shown to `inspect` before the first file is made.
    inspects: ClassVar[bool] = False

    def inspect(self, page: bytes) -> None:
        """
        Take note of rows that will come.

        :raises ValueError: if they cannot be read, and so does a RecursionError say.
        :raises NoTableError: if a table has no place for them.
        """
        raise NotImplementedError

    @abstractmethod
    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file, before it is compressed."""
