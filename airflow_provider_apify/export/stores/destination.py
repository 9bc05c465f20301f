"""Where files go: what every store has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType


class Sink(ABC):
    """A file that is being written and that nobody sees before it is committed; discarded if it never is."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """
        Append bytes.

        :param data: the bytes.
        """

    @abstractmethod
    def seal(self) -> None:
        """Let go of memory and handles: nothing more will be written, and the commit may be far off."""

    @abstractmethod
    def commit(self) -> None:
        """Make the file visible, whole and at once."""

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing behind; does nothing after a commit."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Destination(ABC):
    """
    A file that may or may not be there.

    :param uri: where it is, for people and for lineage.
    :param name: its name, without the folder.
    :param replace: whether one that is there is replaced.
    """

    uri: str
    name: str
    replace: bool

    @property
    def address(self) -> dict[str, str]:
        """Where it is, as a task's result says it."""
        return {"destination": self.uri}

    @abstractmethod
    def sibling(self, name: str) -> Destination:
        """
        Return another file of the same folder.

        :param name: its name.
        """

    def begin(self) -> Sink:
        """
        Check, then begin to write.

        :raises ApifyConfigurationError: if it cannot be written; nothing has been read yet.
        """
        self.check()
        return self.open()

    @abstractmethod
    def check(self) -> None:
        """
        Look whether it may be written, and remove what a killed worker left of it.

        :raises ApifyConfigurationError: if it may not.
        """

    @abstractmethod
    def open(self, content_type: str | None = None) -> Sink:
        """
        Begin to write; with no further questions asked of a store.

        :param content_type: the media type, for stores that keep one.
        :raises ApifyConfigurationError: if it cannot be written.
        """

    @abstractmethod
    def read(self) -> bytes | None:
        """Return what the file holds; None if it is not there."""

    @abstractmethod
    def delete(self) -> None:
        """Delete the file, if it is there."""
