"""What every store offers: a destination that may or may not be there, and a sink that fills it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

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

    def __exit__(self, *error: object) -> None:
        self.discard()


class Destination(ABC):
    """A file that may or may not be there."""

    #: Where the file is, for people and for lineage.
    uri: str
    #: The file's name, without the folder.
    name: str
    #: Whether a file that is there is replaced.
    replace: bool

    @property
    def address(self) -> dict[str, str]:
        """Where the file is: the keys of a task's result."""
        return {"destination": self.uri}

    @abstractmethod
    def sibling(self, name: str) -> Destination:
        """Return another file of the same folder."""

    def begin(self) -> Sink:
        """Check, then begin to write; if the file cannot be written, nothing has been read yet."""
        self.check()
        return self.open()

    @abstractmethod
    def check(self) -> None:
        """Refuse a file that may not be written, and remove what a killed worker left of it."""

    def refuse_existing(self) -> None:
        """Stop if the file is there and must not be replaced."""
        if not self.replace and self.exists():
            # On disk the path, as people write it: in a URI some characters are escaped.
            place = self.address.get("path", self.uri)
            raise ApifyConfigurationError(
                f"{place} exists already. Choose another name, or set `replace=True`."
            )

    @abstractmethod
    def open(self, content_type: str | None = None) -> Sink:
        """Begin to write, with no further questions asked of a store; not all stores keep a media type."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the file is there."""

    @abstractmethod
    def read(self) -> bytes | None:
        """Return what the file holds; None if it is not there."""

    @abstractmethod
    def delete(self) -> None:
        """Delete the file, if it is there."""


class PathDestination(Destination):
    """A file at a path of `pathlib`, or at one of Airflow's that can do the same."""

    def __init__(self, path: Any, *, replace: bool) -> None:
        self.path, self.name = path, path.name
        self.replace = replace

    def sibling(self, name: str) -> Destination:
        """Return another file of the same folder."""
        return type(self)(self.path.parent / name, replace=self.replace)

    def exists(self) -> bool:
        """Return whether the file is there."""
        return bool(self.path.exists())

    def read(self) -> bytes | None:
        """Return what the file holds; None if it is not there."""
        return self.path.read_bytes() if self.exists() else None

    def delete(self) -> None:
        """Delete the file, if it is there."""
        self.path.unlink(missing_ok=True)
