"""How rows become the bytes of a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar


class Layout(ABC):
    """
    Turns rows into files, one or several of the same kind; made anew for each export.

    :param surveys: whether all pages have to be shown to :meth:`see` before the first file is made.
    """

    surveys: ClassVar[bool] = False

    def see(self, page: bytes) -> None:
        """
        Take note of rows that will come.

        :param page: JSON Lines.
        """
        raise NotImplementedError

    @abstractmethod
    def lay_out(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """
        Make the bytes of a file.

        :param pages: JSON Lines.
        """


class AsItComes(Layout):
    """What is in the file already: JSON Lines, or a file that Apify made."""

    def lay_out(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        return iter(pages)


class JsonArray(Layout):
    """One array with an object for each row."""

    def lay_out(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        # A line is a row: within JSON a line break is always escaped.
        before = b"["
        for page in pages:
            if page:
                yield before + page[:-1].replace(b"\n", b",\n")
                before = b",\n"
        yield b"[]" if before == b"[" else b"]"
