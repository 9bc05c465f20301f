from __future__ import annotations

import gzip
import zlib
from typing import Any

import brotli
import pytest

from tests.emulator.dataset_items import read_items
from tests.emulator.http_client import HttpClient, error_of


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress), ("identity", bytes)],
)
def test_compressed_request_bodies_are_read(
    http: HttpClient, items_path: str, encoding: str, compress: Any
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    assert http("POST", items_path, data=compress(b'[{"n": 7}]'), headers=headers).status_code == 201
    assert read_items(http, items_path, desc=1, limit=1) == [{"n": 7}]


def test_unknown_encodings_and_large_bodies_are_refused(http: HttpClient, items_path: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "zstd"}
    assert error_of(http("POST", items_path, data=b"x", headers=headers)) == (
        415,
        "unsupported-content-encoding",
    )
    answer = http("POST", items_path, data=b"[" + b" " * 9_437_184 + b"]")
    assert error_of(answer) == (413, "request-too-large")
    assert "limit: 9437184 bytes, actual length: 9437186 bytes" in answer.json()["error"]["message"]
