"""Fixtures of the transfers: a local S3, and pages that are small or that come by ranges only."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.export import parallel_reader
from tests.support.connections import set_connection
from tests.support.exports import set_page_bytes
from tests.support.s3_bucket import S3Bucket, make_bucket


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    """An empty bucket, behind the connection `aws_default`."""
    bucket = make_bucket(s3_url)
    set_connection(monkeypatch, "aws_default", **bucket.connection)
    return bucket


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of some ten items, so that a few hundred items make many; most are read in ranges."""
    set_page_bytes(monkeypatch, 500, first_items=7, chunk_bytes=300, stream=False)


@pytest.fixture
def folder_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that the files of the test's folder are listed."""
    reads: list[str] = []
    for name in ("scandir", "listdir"):

        def counted(read: Callable[..., Any], path: Any = ".") -> Any:
            if str(path) == str(tmp_path):
                reads.append(str(path))
            return read(path)

        monkeypatch.setattr(os, name, partial(counted, getattr(os, name)))
    return reads


@pytest.fixture
def no_first_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """All items are read in ranges."""
    monkeypatch.setattr(parallel_reader, "may_stream", lambda source: False)
