"""Ids and names of resources: how ids are made, and which names are allowed."""

from __future__ import annotations

import hashlib
import re
import secrets
import string

DIGITS = string.digits + string.ascii_lowercase + string.ascii_uppercase
NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")


def new_id() -> str:
    """Make an id as Apify's: 17 letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(17))


def id_of(name: str) -> str:
    """Derive an id from a name, so that a registered Actor or user has the same id in every process."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest())
    return "".join(DIGITS[number // 62**place % 62] for place in range(17))
