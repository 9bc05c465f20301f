"""A local S3, a bucket of it, and a look at what is left in the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

BUCKET = "results"
LOGIN, PASSWORD, REGION = "test", "testtest", "us-east-1"


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3 on a free port of this machine, and tell its URL."""
    # Many tests need only the bucket's name, and the import takes a second.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def make_bucket(url: str) -> S3Bucket:
    """Make the bucket, empty: it is all that the S3 at a URL then holds."""
    import boto3
    import requests

    # All servers of a process share what they hold, so a new one may hold a bucket already.
    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=LOGIN,
        aws_secret_access_key=PASSWORD,
    )
    client.create_bucket(Bucket=BUCKET)
    return S3Bucket(client)


@dataclass
class S3Bucket:
    """A bucket, as a test looks at it."""

    client: Any

    @property
    def connection(self) -> dict[str, Any]:
        """The Airflow connection to its server."""
        extra = {"endpoint_url": self.client.meta.endpoint_url, "region_name": REGION}
        return {"conn_type": "aws", "login": LOGIN, "password": PASSWORD, "extra": extra}

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    @property
    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    @property
    def unfinished_uploads(self) -> list[str]:
        listed = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [upload["Key"] for upload in listed]
