"""What every store offers: a destination that may or may not be there, and a sink that fills it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from types import TracebackType
from typing import Self

from airflow_provider_apify.api.errors import ApifyConfigurationError


class Sink(ABC):
    """A file that is being written, and that nobody sees before the commit; discarded without a commit."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Append bytes."""

    @abstractmethod
    def seal(self) -> None:
        """Let go of memory and handles: nothing more will be written, and the commit may be far off."""

    @abstractmethod
    def commit(self) -> None:
        """Make the file visible, whole and at once."""

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing behind; do nothing after a commit."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Destination(ABC):
    """
    A file that may or may not be there.

    :param uri: where the file is, for people and for lineage.
    :param name: the file's name, without the folder.
    :param replace: whether a file that is there is replaced.
    """

    uri: str
    name: str
    replace: bool

    @property
    def address(self) -> dict[str, str]:
        """Where the file is: the keys of a task's result."""
        return {"destination": self.uri}

    @abstractmethod
    def sibling(self, name: str) -> Destination:
        """Return another file of the same folder."""

    def replaceable(self) -> Self:
        """Return the same file, which is replaced if it is there."""
        other = copy(self)
        other.replace = True
        return other

    def begin(self) -> Sink:
        """
        Check, then begin to write.

        :raises ApifyConfigurationError: if the file cannot be written; nothing has been read yet.
        """
        self.check()
        return self.open()

    @abstractmethod
    def check(self) -> None:
        """
        Look whether the file may be written, and remove what a killed worker left of it.

        :raises ApifyConfigurationError: if the file may not be written.
        """

    def refuse_existing(self) -> None:
        """Stop if the file is there and must not be replaced."""
        if not self.replace and self.exists():
            raise ApifyConfigurationError(
                f"{self.uri} exists already. Choose another name, or set `replace=True`."
            )

    @abstractmethod
    def open(self, content_type: str | None = None) -> Sink:
        """
        Begin to write, with no further questions asked of a store.

        :param content_type: the media type, for stores that keep one.
        :raises ApifyConfigurationError: if the file cannot be written.
        """

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the file is there."""

    @abstractmethod
    def read(self) -> bytes | None:
        """Return what the file holds; None if it is not there."""

    @abstractmethod
    def delete(self) -> None:
        """Delete the file, if it is there."""
