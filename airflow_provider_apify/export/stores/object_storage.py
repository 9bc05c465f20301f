"""Files in any store that Airflow's `ObjectStoragePath` knows: S3, GCS, Azure and others."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.stores.destination import Destination, PathDestination, Sink
from airflow_provider_apify.export.stores.local import LocalFile

_BLOCK_BYTES = 8 << 20
# Where the first part of a path is a container that has to be there before.
_BUCKET_PROTOCOLS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss"})


class StoredFile(PathDestination):
    """A file in an object store, whose folders need not be made."""

    def __init__(self, path: ObjectStoragePath, *, replace: bool) -> None:
        super().__init__(path, replace=replace)
        # Airflow's own form of the URI names the connection, which is no part of where the file is.
        self.uri = f"{path.protocol}://{path.path.lstrip('/')}"

    def check(self) -> None:
        """Refuse a file that may not be written; the store takes care of what a killed worker left."""
        if not self.name:
            raise ApifyConfigurationError(
                f"{self.uri} is not the path of a file. Add the name of one. Nothing was read."
            )
        try:
            self._require_bucket()
            self.refuse_existing()
        except (OSError, ImportError) as error:
            raise self._unwritable(error) from error

    def open(self, content_type: str | None = None) -> Sink:
        """Begin to write; each store has its own way to keep a media type, so none is passed on."""
        try:
            return _StoredSink(self)
        except (OSError, ImportError) as error:
            raise self._unwritable(error) from error

    def _require_bucket(self) -> None:
        if self.path.protocol not in _BUCKET_PROTOCOLS:
            return
        # On Airflow 2 the bucket may still have the connection's name in it.
        bucket = self.path.bucket.rpartition("@")[2]
        try:
            there = self.path.fs.exists(bucket)
        except Exception:
            # Each store has errors of its own. To write, one need not be allowed to look.
            return
        if not there:
            raise FileNotFoundError(f"there is no bucket {bucket!r}")

    def _unwritable(self, error: Exception) -> ApifyConfigurationError:
        return ApifyConfigurationError(
            f"{self.uri} cannot be written: {error}. Check the path, and that the connection may write it. "
            "Nothing was read."
        )


class _StoredSink(Sink):
    def __init__(self, destination: StoredFile) -> None:
        self._destination = destination
        path = destination.path
        # With `autocommit=False` a file system keeps what is written to itself until the commit.
        self._file: Any = path.fs.open(path.path, "wb", autocommit=False, block_size=_BLOCK_BYTES)
        self._done = False

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def seal(self) -> None:
        if not self._file.closed:
            self._file.close()

    def commit(self) -> None:
        self._destination.refuse_existing()
        self.seal()
        self._file.commit()
        self._done = True

    def discard(self) -> None:
        if self._done:
            return
        self._file.discard()
        # A file that is not closed would write the rest when it is collected.
        with suppress(AttributeError):
            self._file.closed = True


def stored_file(path: str | ObjectStoragePath, conn_id: str | None, *, replace: bool) -> Destination:
    """Return a file in an object store, which `conn_id` connects to unless the path names a connection."""
    try:
        if isinstance(path, str):
            # Airflow 2 takes a None for a connection, and overlooks the one in the path.
            path = ObjectStoragePath(path, **({"conn_id": conn_id} if conn_id else {}))
        _ = path.fs
    except (ValueError, ImportError, OSError) as error:
        raise ApifyConfigurationError(
            f"{path} is not in a store that Airflow knows: {error}. Write `protocol://bucket/name`, and "
            "install the provider of that protocol. Nothing was read."
        ) from error
    if path.protocol == "file":
        return LocalFile(path.path, replace=replace)
    return StoredFile(path, replace=replace)
