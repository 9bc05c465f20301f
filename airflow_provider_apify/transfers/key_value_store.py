"""Key-value stores to files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.api.arguments import number, resource_ref
from airflow_provider_apify.transfers.base import Transfer

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_apify.export.destinations import Destination


class KeyValueStoreTransfer(Transfer):
    """
    Export records of a key-value store, a file each, byte for byte; a subclass says where they go.

    A record's key is its file's name. The file `~manifest.json` comes last and lists all records with their
    content types, bytes and SHA-256. The folder has to be the export's own: until the manifest is there, a
    record's file replaces what has its name, as a retry writes again what an earlier try has written.

    :param key_value_store_id: ID, `username/name` or `username~name` of the store. (templated)
    :param keys: the records; all of them by default. (templated)
    :param prefix: only records whose key starts so. (templated)
    :param replace: replace an export that is complete. Otherwise the task fails before it reads anything.
    :param concurrency: how many records at a time. (templated)
    :param apify_conn_id: the Airflow connection to Apify. (templated)
    :param multiple_outputs: make every key of the result an XCom of its own.
    :raises ApifyConfigurationError: if an argument or the destination cannot be used; nothing was read.
    :raises ApifyHttpError: if Apify cannot be asked, refuses, or has no such record.
    """

    template_fields: Sequence[str] = ("key_value_store_id", "keys", "prefix", *Transfer.template_fields)

    def __init__(
        self,
        *,
        key_value_store_id: str,
        keys: Sequence[str] | None = None,
        prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.key_value_store_id = key_value_store_id
        self.keys = keys
        self.prefix = prefix

    def _transfer(self) -> dict[str, Any]:
        from airflow_provider_apify.export.records import MANIFEST_NAME, RecordsJob, export_records

        resource_ref("key-value store", self.key_value_store_id)
        job = RecordsJob(
            store_id=self.key_value_store_id,
            keys=[self.keys] if isinstance(self.keys, str) else self.keys,
            prefix=self.prefix,
            manifest=self._file(MANIFEST_NAME),
            concurrency=number("concurrency", self.concurrency, int, least=1),
        )
        return export_records(job, self.hook.get_conn(), self.log)

    def _source_uri(self) -> str:
        return f"apify://key-value-stores/{resource_ref('key-value store', self.key_value_store_id)}"

    def _file(self, name: str) -> Destination:
        raise NotImplementedError


class KeyValueStoreToLocalOperator(KeyValueStoreTransfer):
    """
    Export records into a directory on the worker's disk. Otherwise as :class:`KeyValueStoreTransfer`.

    :param path: the directory; made if it is missing. (templated)
    """

    template_fields: Sequence[str] = ("path", *KeyValueStoreTransfer.template_fields)

    def __init__(self, *, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path

    def _file(self, name: str) -> Destination:
        from airflow_provider_apify.export.local import LocalFile

        return LocalFile(f"{self.path}/{name}", replace=self.replace)


class KeyValueStoreToS3Operator(KeyValueStoreTransfer):
    """
    Export records into S3, with their content types. Otherwise as :class:`KeyValueStoreTransfer`.

    Needs the extra `amazon`.

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

    def __init__(
        self,
        *,
        key: str,
        bucket_name: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.key = key
        self.bucket_name = bucket_name
        self.aws_conn_id = aws_conn_id

    def _file(self, name: str) -> Destination:
        from airflow_provider_apify.export.s3 import S3Object, s3_hook

        key = f"{self.key.rstrip('/')}/{name}".lstrip("/")
        return S3Object(s3_hook(self.aws_conn_id), key, self.bucket_name, replace=self.replace)


class KeyValueStoreToObjectStorageOperator(KeyValueStoreTransfer):
    """
    Export records into any store that Airflow's `ObjectStoragePath` knows: S3, GCS, Azure, …

    Otherwise as :class:`KeyValueStoreTransfer`.

    :param path: the folder, such as `gs://bucket/folder`; a string or an `ObjectStoragePath`. (templated)
    :param conn_id: the Airflow connection to the store, unless the path names it. (templated)
    """

    template_fields: Sequence[str] = ("path", "conn_id", *KeyValueStoreTransfer.template_fields)

    def __init__(self, *, path: str | ObjectStoragePath, conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.conn_id = conn_id

    def _file(self, name: str) -> Destination:
        from airflow_provider_apify.export.object_storage import stored_file

        path = f"{self.path.rstrip('/')}/{name}" if isinstance(self.path, str) else self.path / name
        return stored_file(path, self.conn_id, replace=self.replace)
