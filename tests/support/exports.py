"""Exports as tests run them: ragged items, one function per destination, and pages that are made small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.export import first_stream, page_size
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.dataset_to_object_storage import DatasetToObjectStorageOperator
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator
from tests.support.s3_bucket import BUCKET

#: The path of all requests for items, for faults.
ITEMS_PATH = "/v2/datasets/*/items"

_TEXTS = ["plain", 'quo"te', "com,ma", "line\nbreak", "car\rriage", "žluťoučký 🐎", "\u2028", ""]


def ragged_items(count: int) -> list[dict[str, Any]]:
    """Make items with hidden fields, nested and empty values and separators; now and then an empty one."""
    return [
        {}
        if n % 11 == 10
        else {
            "n": n,
            "text": _TEXTS[n % len(_TEXTS)],
            **({"#debug": {"n": n}} if n % 3 == 0 else {}),
            **({f"late{n % 7}": {"deep": [n, None, True]}} if n % 5 == 4 else {}),
        }
        for n in range(count)
    ]


def to_local(dataset_id: str, path: Path, **kwargs: Any) -> dict[str, Any]:
    """Export a dataset to disk, and return the task's result."""
    operator = DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(path), **kwargs)
    return operator.execute({})


def to_s3(dataset_id: str, key: str, bucket_name: str | None = BUCKET, **kwargs: Any) -> dict[str, Any]:
    """Export a dataset to S3, and return the task's result."""
    return DatasetToS3Operator(
        task_id="land", dataset_id=dataset_id, key=key, bucket_name=bucket_name, **kwargs
    ).execute({})


def to_object_storage(dataset_id: str, path: Any, **kwargs: Any) -> dict[str, Any]:
    """Export a dataset to object storage, and return the task's result."""
    operator = DatasetToObjectStorageOperator(task_id="land", dataset_id=dataset_id, path=path, **kwargs)
    return operator.execute({})


def parse_lines(data: bytes) -> list[Any]:
    """Parse JSON Lines, each of which has its end."""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def set_page_bytes(
    monkeypatch: pytest.MonkeyPatch, page_bytes: int, *, first_items: int, chunk_bytes: int, stream: bool
) -> None:
    """Make pages small, and let the first stream be fast enough to be kept, or not."""
    monkeypatch.setattr(page_size, "TARGET_BYTES", page_bytes)
    monkeypatch.setattr(page_size, "_SMALLEST_TARGET_BYTES", page_bytes)
    monkeypatch.setattr(page_size, "FIRST_ITEMS", first_items)
    monkeypatch.setattr(first_stream, "_CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(first_stream, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(first_stream, "_FAST_BYTES_PER_SECOND", 0 if stream else float("inf"))
