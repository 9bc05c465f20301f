"""Files on the worker's own disk."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.destinations import Destination, Sink


class LocalFile(Destination):
    """
    A file on disk. Missing directories are made.

    :param path: where it is.
    :param replace: whether an existing file is replaced.
    """

    def __init__(self, path: str | os.PathLike[str], *, replace: bool) -> None:
        self.path = Path(path).expanduser().absolute()
        self.replace = replace
        self.uri = self.path.as_uri()

    def open(self) -> Sink:
        """Begin to write, into a file beside it."""
        if self.path.is_dir():
            raise ApifyConfigurationError(
                f"{self.path} is a directory. Add the name of a file. Nothing was read."
            )
        self.refuse_existing()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            return _LocalSink(self)
        except OSError as error:
            raise ApifyConfigurationError(
                f"{self.path} cannot be written: {error}. Choose a path that Airflow's user may write. "
                "Nothing was read."
            ) from error

    def refuse_existing(self) -> None:
        """Stop if the file is there and must not be replaced."""
        if not self.replace and self.path.exists():
            raise ApifyConfigurationError(
                f"{self.path} exists already. Choose another path, or set `replace=True`."
            )

    def temporary(self, mark: str) -> str:
        """
        Return the name of the file that is written before there is a file.

        :param mark: tells it from others, or a `*`.
        """
        return f".{self.path.name}.{mark}.part"

    def _sweep(self) -> None:
        # A worker that was killed could not tidy up. Whoever still writes holds a lock.
        for left_over in self.path.parent.glob(self.temporary("*")):
            with left_over.open("ab") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                left_over.unlink(missing_ok=True)


class _LocalSink(Sink):
    def __init__(self, destination: LocalFile) -> None:
        self._destination = destination
        self._path = destination.path.with_name(destination.temporary(uuid.uuid4().hex))
        self._file = self._path.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def write(self, data: bytes) -> None:
        # An unbuffered file may take less than it is given.
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def commit(self) -> None:
        self._destination.refuse_existing()
        self._path.replace(self._destination.path)
        self._file.close()

    def discard(self) -> None:
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()
