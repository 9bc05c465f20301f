"""Key-value stores to files on the worker's disk, in S3, or in any object storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.api.arguments import (
    file_path,
    required_text,
    resource_ref,
    store_path,
    text,
    texts,
)
from airflow_provider_apify.export.default_concurrency import DEFAULT_CONCURRENCY
from airflow_provider_apify.export.record_file_names import MANIFEST_NAME
from airflow_provider_apify.export.stores.destination import Destination
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.base import Transfer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


class KeyValueStoreTransfer(Transfer):
    """
    Export records of a key-value store, a file each, byte for byte.

    A record's key is its file's name, unless a disk takes no such name: long keys are cut and get a digest,
    odd characters are escaped. The file `~manifest.json` comes last and lists all records with their files,
    content types, bytes and SHA-256. The folder has to be the export's own: until the manifest is there, a
    record's file replaces what has its name, as a retry writes again what an earlier try has written.

    :param key_value_store_id: ID, `username/name` or `username~name` of the store. (templated)
    :param keys: the records; all of them by default. (templated)
    :param prefix: only records whose key starts so. (templated)
    :param replace: replace an export that is complete. Otherwise the task fails before it reads anything.
    :param concurrency: number of records at a time, 16 by default. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :raises ApifyConfigurationError: if an argument or the destination cannot be used; nothing was read.
    :raises ApifyHttpError: if Apify cannot be asked, refuses, or has no such record.
    """

    template_fields: Sequence[str] = ("key_value_store_id", "keys", "prefix", *Transfer.template_fields)
    key_value_store_id: str
    keys: Sequence[str] | None
    prefix: str | None

    def _transfer(self, destination: Destination, concurrency: int) -> dict[str, Any]:
        from airflow_provider_apify.export.key_value_store import export_records

        return export_records(
            self.key_value_store_id,
            destination,
            client=self.hook.get_conn(),
            log=self.log,
            keys=None if self.keys is None else texts("keys", self.keys),
            prefix=text("prefix", self.prefix) or "",
            concurrency=concurrency,
        )

    def _source_uri(self) -> str:
        return f"apify://key-value-stores/{resource_ref('key_value_store_id', self.key_value_store_id)}"


class KeyValueStoreToLocalOperator(KeyValueStoreTransfer):
    """
    Export records into a directory on the worker's disk.

    The other parameters are documented in :class:`KeyValueStoreTransfer`.

    :param path: the directory; made if it is missing. (templated)
    """

    template_fields: Sequence[str] = ("path", *KeyValueStoreTransfer.template_fields)
    path: str

    def __init__(
        self,
        *,
        path: str,
        key_value_store_id: str,
        keys: Sequence[str] | None = None,
        prefix: str | None = None,
        replace: bool = False,
        concurrency: int | str = DEFAULT_CONCURRENCY,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(locals())

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.stores.local import LocalFile

        return LocalFile(f"{file_path('path', self.path)}/{MANIFEST_NAME}", replace=self.replace)


class KeyValueStoreToS3Operator(KeyValueStoreTransfer):
    """
    Export records into S3, with their content types.

    Needs the extra `amazon`. The other parameters are documented in :class:`KeyValueStoreTransfer`.

    :param key: the folder of the objects, or a whole `s3://bucket/folder` URL. (templated)
    :param bucket_name: the bucket, unless `key` is a URL. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    """

    template_fields: Sequence[str] = (
        "key",
        "bucket_name",
        "aws_conn_id",
        *KeyValueStoreTransfer.template_fields,
    )
    key: str
    bucket_name: str | None
    aws_conn_id: str | None

    def __init__(
        self,
        *,
        key: str,
        bucket_name: str | None = None,
        aws_conn_id: str | None = "aws_default",
        key_value_store_id: str,
        keys: Sequence[str] | None = None,
        prefix: str | None = None,
        replace: bool = False,
        concurrency: int | str = DEFAULT_CONCURRENCY,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(locals())

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.stores.s3 import S3Object, s3_hook

        key = f"{required_text('key', self.key).rstrip('/')}/{MANIFEST_NAME}".lstrip("/")
        return S3Object(
            s3_hook(text("aws_conn_id", self.aws_conn_id)),
            key,
            text("bucket_name", self.bucket_name),
            replace=self.replace,
        )


class KeyValueStoreToObjectStorageOperator(KeyValueStoreTransfer):
    """
    Export records into any store that Airflow's `ObjectStoragePath` knows, such as S3, GCS or Azure.

    The other parameters are documented in :class:`KeyValueStoreTransfer`.

    :param path: the folder, such as `gs://bucket/folder`; a string or an `ObjectStoragePath`. (templated)
    :param conn_id: the Airflow connection to the store, unless the path names it. (templated)
    """

    template_fields: Sequence[str] = ("path", "conn_id", *KeyValueStoreTransfer.template_fields)
    path: str | ObjectStoragePath
    conn_id: str | None

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath,
        conn_id: str | None = None,
        key_value_store_id: str,
        keys: Sequence[str] | None = None,
        prefix: str | None = None,
        replace: bool = False,
        concurrency: int | str = DEFAULT_CONCURRENCY,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(locals())

    def _destination(self) -> Destination:
        from airflow_provider_apify.export.stores.object_storage import stored_file

        folder = store_path("path", self.path)
        path = f"{folder.rstrip('/')}/{MANIFEST_NAME}" if isinstance(folder, str) else folder / MANIFEST_NAME
        return stored_file(path, text("conn_id", self.conn_id), replace=self.replace)
