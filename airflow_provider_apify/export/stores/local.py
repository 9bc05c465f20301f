"""Files on the worker's own disk."""

from __future__ import annotations

import fcntl
import os
import uuid
from contextlib import suppress
from glob import escape
from pathlib import Path

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.stores.destination import PathDestination, Sink


class LocalFile(PathDestination):
    """A file on disk. Missing directories are made."""

    def __init__(self, path: str | os.PathLike[str], *, replace: bool) -> None:
        super().__init__(Path(path).expanduser().absolute(), replace=replace)
        self.uri = self.path.as_uri()

    @property
    def address(self) -> dict[str, str]:
        """Where the file is, also as Python and shells open it: in a URI some characters are escaped."""
        return {**super().address, "path": str(self.path)}

    def check(self) -> None:
        """Refuse a file that may not be written, and remove what a killed worker left of it."""
        if self.path.is_dir():
            raise ApifyConfigurationError(
                f"{self.path} is a directory. Add the name of a file. Nothing was read."
            )
        self.refuse_existing()
        # Whoever still writes holds a lock; where a disk has none, nothing is removed.
        for left_over in self.path.parent.glob(f".{escape(self.name)}~*.part"):
            with suppress(OSError), left_over.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left_over.unlink(missing_ok=True)

    def open(self, content_type: str | None = None) -> Sink:
        """Begin to write, into a hidden file of the same directory; a disk keeps no media type."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _LocalSink(self)
        except OSError as error:
            raise ApifyConfigurationError(
                f"{self.path} cannot be written: {error}. Choose a path that Airflow's user may write. "
                "Nothing was read."
            ) from error


class _LocalSink(Sink):
    def __init__(self, destination: LocalFile) -> None:
        self._destination = destination
        self._path = destination.path.with_name(f".{destination.name}~{uuid.uuid4().hex}.part")
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
