"""Files on the worker's own disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.stores.destination import PathDestination, Sink

# In a directory a file name has at most so many bytes, of which a hidden file's name needs some more.
_MOST_NAME_BYTES = 255 - len(f".~{uuid.UUID(int=0).hex}.part")


class LocalFile(PathDestination):
    """A file on disk. Missing directories are made."""

    def __init__(self, path: str | os.PathLike[str], *, replace: bool) -> None:
        super().__init__(Path(path).expanduser().absolute(), replace=replace)
        self.uri = self.path.as_uri()
        self._left_overs = _LeftOvers(self.path.parent)

    @property
    def address(self) -> dict[str, str]:
        """Where the file is, also as Python and shells open it: in a URI some characters are escaped."""
        return {**super().address, "path": str(self.path)}

    def sibling(self, name: str) -> LocalFile:
        """Return another file of the same folder."""
        other = LocalFile(self.path.parent / name, replace=self.replace)
        other._left_overs = self._left_overs
        return other

    def check(self) -> None:
        """Refuse a file that may not be written, and remove what a killed worker left of it."""
        with self._usable():
            if self.path.is_dir():
                raise ApifyConfigurationError(
                    f"{self.path} is a directory. Add the name of a file. Nothing was read."
                )
            self.refuse_existing()
            self._left_overs.remove(self.hidden_name)

    def open(self, content_type: str | None = None) -> Sink:
        """Begin to write, into a hidden file of the same directory; a disk keeps no media type."""
        with self._usable():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _LocalSink(self)

    @property
    def hidden_name(self) -> str:
        """What the names of the hidden files start with in which this one is written."""
        name = os.fsencode(self.name)
        return f".{self.name if len(name) <= _MOST_NAME_BYTES else hashlib.sha256(name).hexdigest()}"

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ApifyConfigurationError(
                f"{self.path} cannot be written: {error}. Choose a path that Airflow's user may write. "
                "Nothing was read."
            ) from error


class _LeftOvers:
    """Hidden files of killed workers in a directory, which is read once, as there may be many files in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def _found(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self._directory.glob(".*~*.part"):
            found.setdefault(path.name.rpartition("~")[0], []).append(path)
        return found

    def remove(self, hidden_name: str) -> None:
        """Remove the hidden files of one file, but for those that somebody still writes."""
        for path in self._found.pop(hidden_name, ()):
            # Whoever still writes holds a lock; where a disk has none, nothing is removed.
            with suppress(OSError), open(path, "r+b", buffering=0, opener=_open_itself) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


def _open_itself(path: str, flags: int) -> int:
    """Open what has this name: not what a link of this name leads to, and without a wait for others."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class _LocalSink(Sink):
    def __init__(self, destination: LocalFile) -> None:
        self._destination = destination
        self._path = destination.path.with_name(f"{destination.hidden_name}~{uuid.uuid4().hex}.part")
        self._file = self._path.open("xb", buffering=0)
        with suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def write(self, data: bytes) -> None:
        # An unbuffered file may take less than it is given.
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def seal(self) -> None:
        self._file.close()

    def commit(self) -> None:
        self._destination.refuse_existing()
        self._path.replace(self._destination.path)
        self._file.close()

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)
        self._file.close()
