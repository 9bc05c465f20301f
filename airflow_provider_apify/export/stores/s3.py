"""Objects in S3, through Airflow's S3Hook."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.stores.destination import Destination, Sink

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

# S3 takes parts of 5 MiB to 5 GiB, 10,000 of them at the most: they grow on the way to a very large object.
_PART_BYTES = 16 << 20
_PARTS_PER_SIZE = 1_000
_UPLOADS = 4


class S3Object(Destination):
    """An object in S3, named by its key, or by a whole `s3://` URL instead of key and bucket."""

    def __init__(self, hook: S3Hook, key: str, bucket_name: str | None, *, replace: bool) -> None:
        try:
            self.bucket, self.key = hook.get_s3_bucket_key(bucket_name, key, "bucket_name", "key")
        except Exception as error:
            raise ApifyConfigurationError(
                f"{key!r} is not the key of an object: {error} Nothing was read."
            ) from None
        if not self.key or self.key.endswith("/"):
            raise ApifyConfigurationError(
                f"{key!r} is not the key of an object. Add the name of a file. Nothing was read."
            )
        self.hook = hook
        self.replace = replace
        self.uri = f"s3://{self.bucket}/{self.key}"
        self.name = self.key.rpartition("/")[2]

    def sibling(self, name: str) -> S3Object:
        """Return another object under the same prefix."""
        prefix = self.key.removesuffix(self.name)
        return S3Object(self.hook, prefix + name, self.bucket, replace=self.replace)

    def check(self) -> None:
        """Refuse an object that may not be written, and abort what a killed worker left of it."""
        from botocore.exceptions import BotoCoreError, ClientError

        client: Any = self.hook.get_conn()
        try:
            self._require_bucket(client)
            self.refuse_existing()
            self._sweep(client)
        except (BotoCoreError, ClientError) as error:
            raise ApifyConfigurationError(
                f"The bucket {self.bucket!r} cannot be used: {error}. Check its name, and that the "
                f"connection {self.hook.aws_conn_id!r} may list and write it. Nothing was read."
            ) from error

    def open(self, content_type: str | None = None) -> Sink:
        """Begin to write; with a multipart upload, unless everything fits into one request."""
        return _S3Sink(self, {"ContentType": content_type} if content_type else {})

    def exists(self) -> bool:
        """Return whether the object is there."""
        return bool(self.hook.check_for_key(self.key, self.bucket))

    def read(self) -> bytes | None:
        """Return what the object holds; None if it is not there."""
        return self.hook.get_key(self.key, self.bucket).get()["Body"].read() if self.exists() else None

    def delete(self) -> None:
        """Delete the object, if it is there."""
        self.hook.delete_objects(self.bucket, self.key)

    def _require_bucket(self, client: Any) -> None:
        try:
            client.head_bucket(Bucket=self.bucket)
        except client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.FORBIDDEN:
                raise
            # To write, one need not be allowed to look: only an upload tells.
            upload = client.create_multipart_upload(Bucket=self.bucket, Key=self.key)
            client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload["UploadId"])

    def _sweep(self, client: Any) -> None:
        # S3 charges for what lies there.
        try:
            uploads = client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.key).get("Uploads", [])
        except client.exceptions.ClientError as error:
            self.hook.log.info("Unfinished uploads of earlier tries are not looked for: %s", error)
            return
        for upload in uploads:
            if upload["Key"] == self.key:
                client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload["UploadId"])


class _S3Sink(Sink):
    def __init__(self, destination: S3Object, attributes: dict[str, Any]) -> None:
        self._destination = destination
        self._client: Any = destination.hook.get_conn()
        self._object = {"Bucket": destination.bucket, "Key": destination.key}
        self._attributes = {**destination.hook.extra_args, **attributes}
        self._upload: dict[str, Any] = {}
        self._pieces: list[memoryview] = []
        self._size = 0
        self._parts: list[dict[str, Any]] = []
        self._window: deque[Future[dict[str, Any]]] = deque()
        self._pool = ThreadPoolExecutor(_UPLOADS, thread_name_prefix="apify-s3")

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while self._size + len(left) >= (part_bytes := self._part_bytes()):
            # All parts but the last have one size: some of the stores that speak S3 insist on it.
            end = part_bytes - self._size
            self._pieces.append(left[:end])
            self._send(self._take())
            left = left[end:]
        if left:
            self._pieces.append(left)
            self._size += len(left)

    def seal(self) -> None:
        if self._pieces or not (self._parts or self._window):
            self._send(self._take())
        self._collect(0)
        self._pool.shutdown()

    def commit(self) -> None:
        self._destination.refuse_existing()
        if self._upload:
            self.seal()
            self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": self._parts})
            self._upload = {}
        else:
            self._client.put_object(**self._object, **self._attributes, Body=self._take())

    def discard(self) -> None:
        # Parts on their way have to arrive first: one that came after the abort would stay.
        self._pool.shutdown(cancel_futures=True)
        if self._upload:
            self._client.abort_multipart_upload(**self._upload)

    def _part_bytes(self) -> int:
        return _PART_BYTES * (1 + (len(self._parts) + len(self._window)) // _PARTS_PER_SIZE)

    def _take(self) -> bytes:
        part = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return part

    def _send(self, part: bytes) -> None:
        if not self._upload:
            created = self._client.create_multipart_upload(**self._object, **self._attributes)
            self._upload = {**self._object, "UploadId": created["UploadId"]}
        number = len(self._parts) + len(self._window) + 1
        request = {**self._upload, "PartNumber": number, "Body": part}
        self._window.append(self._pool.submit(self._client.upload_part, **request))
        self._collect(_UPLOADS)

    def _collect(self, leave: int) -> None:
        while len(self._window) > leave:
            answer = self._window.popleft().result()
            self._parts.append({"PartNumber": len(self._parts) + 1, "ETag": answer["ETag"]})


def s3_hook(aws_conn_id: str | None) -> S3Hook:
    """Return Airflow's hook to S3; without a connection the hook uses the machine's own credentials."""
    try:
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    except ImportError as error:
        raise ApifyConfigurationError(
            f"Amazon's provider is missing ({error}): pip install 'airflow-provider-apify[amazon]'."
        ) from None
    return S3Hook(aws_conn_id)
