"""Datasets and key-value stores: what they hold and how the API describes them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.clock import Clock, iso
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.items import ItemStore
from airflow_provider_apify.emulator.switches import Switches

ALPHABET = string.digits + string.ascii_lowercase + string.ascii_uppercase
RECORD_KEY = re.compile(r"[a-zA-Z0-9!\-_.'()]{1,256}")


def new_id() -> str:
    """Make an id as Apify's: 17 letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(17))


def id_of(name: str) -> str:
    """Derive an id from a name, so that what code registers has the same id in every process."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest())
    return "".join(ALPHABET[number // 62**place % 62] for place in range(17))


def sign(secret: str, message: str) -> str:
    """Sign a message the way Apify's clients do: 30 hex digits of HMAC-SHA256 in base 62."""
    number = int(hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()[:30], 16)
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits or "0"


@dataclass
class Storage:
    """What a dataset, a key-value store and a request queue have in common."""

    kind = "storage"
    console = "storage"

    user_id: str
    username: str
    clock: Clock
    switches: Switches
    name: str | None = None
    run_id: str | None = None
    actor_id: str | None = None
    id: str = field(default_factory=new_id)
    general_access: str = "FOLLOW_USER_SETTING"
    secret: str = field(default_factory=lambda: secrets.token_hex(20))
    title: str | None = None
    reads: int = 0
    writes: int = 0
    deletes: int = 0
    lists: int = 0
    created_at: float = 0
    modified_at: float = 0
    accessed_at: float = 0

    def __post_init__(self) -> None:
        self.created_at = self.modified_at = self.accessed_at = self.clock.time()

    def was_read(self) -> None:
        """Note a read."""
        self.reads += 1
        self.accessed_at = self.clock.time()

    def was_written(self) -> None:
        """Note a write."""
        self.writes += 1
        self.modified_at = self.accessed_at = self.clock.time()

    def content_signature(self) -> str:
        """Return the signature that opens the whole storage without a token, for ever."""
        message = f"0.0.{self.id}"
        return urlsafe_b64encode(f"0.0.{sign(self.secret, message)}".encode()).decode()

    def is_signed(self, signature: str, key: str | None = None) -> bool:
        """Whether a signature opens this storage, or one record of it."""
        if key is not None and hmac.compare_digest(sign(self.secret, key).encode(), signature.encode()):
            return True
        try:
            version, expires, mac = urlsafe_b64decode(signature.encode()).decode().split(".")
            expired = 0 < int(expires) < self.clock.time() * 1000
        except ValueError:
            return False
        expected = sign(self.secret, f"{version}.{expires}.{self.id}")
        return not expired and hmac.compare_digest(expected.encode(), mac.encode())

    def describe(self) -> dict[str, Any]:
        """Return the fields all storages show."""
        return {
            "id": self.id,
            "name": self.name,
            "userId": self.user_id,
            "username": self.username,
            "createdAt": iso(self.created_at),
            "modifiedAt": iso(self.modified_at),
            "accessedAt": iso(self.accessed_at),
            "actId": self.actor_id,
            "actRunId": self.run_id,
            "generalAccess": self.general_access,
            "consoleUrl": f"https://console.apify.com/storage/{self.console}/{self.id}",
        }


@dataclass
class Dataset(Storage):
    """A dataset."""

    kind = "dataset"
    console = "datasets"

    items: ItemStore = field(default_factory=ItemStore)
    schema: dict[str, Any] | None = None
    _settled: tuple[int, int] = (0, 0)

    def push(self, items: Iterable[dict[str, Any]]) -> None:
        """Append items."""
        if self.clock.time() - self.modified_at >= self.switches.stale_seconds:
            self._settled = (len(self.items), self.items.clean_count)
        self.items.extend(items)
        self.was_written()

    def counts(self) -> tuple[int, int]:
        """Items and clean items, as the API tells them; ``Switches.stale_total`` may make them lag."""
        fresh = self.clock.time() - self.modified_at < self.switches.stale_seconds
        if fresh and self.switches.stale_total == "zero":
            return 0, 0
        if fresh and self.switches.stale_total == "stale":
            return self._settled
        return len(self.items), self.items.clean_count

    def describe(self) -> dict[str, Any]:
        """Return the dataset object of the API."""
        total, clean = self.counts()
        return {
            **super().describe(),
            "title": self.title,
            "itemCount": total,
            "cleanItemCount": clean,
            "fields": list(self.items.fields),
            "schema": self.schema,
            "stats": {
                "readCount": self.reads,
                "writeCount": self.writes,
                "storageBytes": self.items.bytes,
                "inflatedBytes": self.items.bytes,
            },
            **self.switches.unknown_fields,
        }


@dataclass(frozen=True)
class Record:
    """A value of a key-value store: bytes, as they came."""

    value: bytes
    content_type: str


@dataclass
class KeyValueStore(Storage):
    """A key-value store."""

    kind = "key-value store"
    console = "key-value-stores"

    records: dict[str, Record] = field(default_factory=dict)

    def put(self, key: str, record: Record) -> None:
        """Write a record.

        :raises ApiError: if the key holds characters that are not allowed, or too many.
        """
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
        """Delete a record, if there is one."""
        if self.records.pop(key, None) is not None:
            self.deletes += 1
            self.modified_at = self.clock.time()

    def keys(self, prefix: str = "", after: str = "") -> list[str]:
        """Return keys in the order of their bytes, those after ``after`` only."""
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
