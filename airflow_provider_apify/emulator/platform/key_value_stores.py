"""Key-value stores: records, the keys that are legal, and how the API shows a store."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.storages import Storage

RECORD_KEY = re.compile(r"[a-zA-Z0-9!\-_.'()]{1,256}")


@dataclass(frozen=True)
class Record:
    """A value of a key-value store, kept as the bytes that were stored."""

    value: bytes
    content_type: str


@dataclass
class KeyValueStore(Storage):
    """A key-value store."""

    label = "key-value store"
    console = "key-value-stores"

    records: dict[str, Record] = field(default_factory=dict)

    def put(self, key: str, record: Record) -> None:
        """Write a record; an illegal key is refused."""
        if not RECORD_KEY.fullmatch(key):
            raise ApiError(
                400,
                "invalid-record-key",
                "Record key contains invalid character: it may hold only letters, digits and !-_.'(),"
                " and at most 256 of them.",
            )
        self.records[key] = record
        self.was_written()

    def remove(self, key: str) -> None:
        """Delete a record, if it exists."""
        if self.records.pop(key, None) is not None:
            self.deletes += 1
            self.modified_at = self.clock.time()

    def keys(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the keys with a prefix that come after a key, in the order of their bytes."""
        return sorted(key for key in tuple(self.records) if key > after and key.startswith(prefix))

    def describe(self) -> dict[str, Any]:
        """Return the key-value store object of the API."""
        size = sum(len(record.value) for record in self.records.values())
        return {
            **super().describe(),
            "title": self.title,
            "schema": None,
            "stats": {
                "readCount": self.reads,
                "writeCount": self.writes,
                "deleteCount": self.deletes,
                "listCount": self.lists,
                "s3StorageBytes": size,
                "storageBytes": size,
            },
        }


def record_of(value: Any, content_type: str | None = None) -> Record:
    """Make a record of bytes, text, or any value that JSON can hold."""
    if isinstance(value, bytes):
        return Record(value, content_type or "application/octet-stream")
    if isinstance(value, str) and not (content_type or "text/").startswith("application/json"):
        return Record(value.encode(), content_type or "text/plain; charset=utf-8")
    return Record(
        json.dumps(value, ensure_ascii=False).encode(), content_type or "application/json; charset=utf-8"
    )


def value_of(record: Record) -> Any:
    """Decode a record: JSON and text by its content type, anything else stays bytes."""
    kind = record.content_type.partition(";")[0].strip()
    if kind == "application/json":
        return json.loads(record.value) if record.value else None
    return record.value.decode() if kind.startswith("text/") else record.value
