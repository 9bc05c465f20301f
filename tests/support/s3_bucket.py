"""A bucket of a local S3, and a look at what is left in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BUCKET = "results"


@dataclass
class S3Bucket:
    """A bucket, as a test looks at it."""

    client: Any

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
