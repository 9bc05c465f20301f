"""Formats of files: encoders that make the bytes of a file of rows, and which format a file has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar


class Encoder(ABC):
    """Turns pages of JSON Lines into files, one or several of the same kind; made anew for each export."""

    #: Whether all pages have to be shown to `inspect` before the first file is made.
    inspects: ClassVar[bool] = False

    def inspect(self, page: bytes) -> None:
        """Take note of rows that will come."""
        raise NotImplementedError

    @abstractmethod
    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file, before it is compressed."""
