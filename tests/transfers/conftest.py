"""Fixtures of the transfers: a local S3, and pages that are small or that come by ranges only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_apify.export import parallel_reader
from tests.support.connections import set_connection
from tests.support.exports import set_page_bytes
from tests.support.s3_bucket import BUCKET, S3Bucket


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """A local S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    """An empty bucket, behind the connection `aws_default`."""
    import boto3
    import requests

    requests.post(f"{s3_url}/moto-api/reset", timeout=10)
    login = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client: Any = boto3.client("s3", endpoint_url=s3_url, **login)  # type: ignore[call-overload]
    client.create_bucket(Bucket=BUCKET)
    extra = {"endpoint_url": s3_url, "region_name": "us-east-1"}
    set_connection(monkeypatch, "aws_default", conn_type="aws", login="key", password="secret", extra=extra)
    return S3Bucket(client)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of some ten items, so that a few hundred items make many; most are read in ranges."""
    set_page_bytes(monkeypatch, 500, first_items=7, chunk_bytes=300, stream=False)


@pytest.fixture
def no_first_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """All items are read in ranges."""
    monkeypatch.setattr(parallel_reader, "may_stream", lambda source: False)
