"""Signatures in public URLs, which open a storage or a record without a token."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from airflow_provider_apify.emulator.platform.ids_and_names import DIGITS
from airflow_provider_apify.emulator.platform.storages import Storage


def sign(secret: str, message: str) -> str:
    """Sign a message the way Apify's clients do: 30 hex digits of HMAC-SHA256 in base 62."""
    number = int(hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()[:30], 16)
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return digits or "0"


def storage_signature(storage: Storage) -> str:
    """Return the signature that opens a whole storage and never expires."""
    return urlsafe_b64encode(f"0.0.{sign(storage.secret, f'0.0.{storage.id}')}".encode()).decode()


def opens(signature: str, storage: Storage, key: str | None = None) -> bool:
    """Say whether a signature opens a storage, or its record of a key."""
    if key is not None and hmac.compare_digest(sign(storage.secret, key).encode(), signature.encode()):
        return True
    try:
        version, expires, mac = urlsafe_b64decode(signature.encode()).decode().split(".")
        expired = 0 < int(expires) < storage.clock.time() * 1000
    except ValueError:
        return False
    expected = sign(storage.secret, f"{version}.{expires}.{storage.id}")
    return not expired and hmac.compare_digest(expected.encode(), mac.encode())
