"""Files that are pushed to Apify, on the worker's disk or in S3."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from airflow_provider_apify.api.arguments import file_path
from airflow_provider_apify.api.errors import ApifyConfigurationError


@contextmanager
def open_source(path: str, aws_conn_id: str | None) -> Iterator[IO[bytes]]:
    """Open a file on the worker, or the object of an `s3://bucket/key` URL (extra `amazon`)."""
    if not path.startswith("s3://"):
        try:
            file = open(file_path("path", path), "rb")  # noqa: SIM115
        except OSError as error:
            raise ApifyConfigurationError(
                f"`path`: there is no file {path} that the worker may read ({error.strerror}). "
                "Nothing was written."
            ) from None
        with file:
            yield file
        return
    from airflow_provider_apify.export.stores.s3 import s3_hook

    hook = s3_hook(aws_conn_id)
    bucket, key = hook.parse_s3_url(path)
    if not hook.check_for_key(key, bucket):
        raise ApifyConfigurationError(
            f"There is no object {path}, or {aws_conn_id!r} may not see it. Nothing was written."
        )
    with hook.get_key(key, bucket).get()["Body"] as body:
        yield body


def read_items(path: str, aws_conn_id: str | None) -> Iterator[Any]:
    """Read items one by one: JSON Lines, or a JSON array if the file's name ends in `.json`; also `.gz`."""
    with open_source(path, aws_conn_id) as raw:
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if path.endswith(".gz") else raw
        if not path.removesuffix(".gz").endswith(".json"):
            yield from (line for line in map(bytes.strip, file) if line)
            return
        try:
            items = json.load(file)
        except (ValueError, RecursionError) as error:
            raise ApifyConfigurationError(
                f"`path`: {path} is not JSON: {error}. Nothing was written."
            ) from None
        yield from items if isinstance(items, list) else [items]
