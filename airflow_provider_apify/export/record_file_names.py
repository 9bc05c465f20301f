"""Names of the files that a key-value store's records become, and of the manifest that lists the files."""

from __future__ import annotations

import hashlib

#: No record can have this name: `~` is no character of a key.
MANIFEST_NAME = "~manifest.json"

# A file name has at most 255 bytes on most disks, and needs some for its temporary twin.
_LONGEST_NAME = 200


def file_name(key: str) -> str:
    """
    Name a record's file by the record's key, but for keys that no disk takes as a name.

    The characters of a key (letters, digits and `!-_.'()`) may all be in a file name. No two keys share one.
    """
    if len(key) > _LONGEST_NAME:
        return f"{key[:100]}~{hashlib.sha256(key.encode()).hexdigest()}"
    return key.replace(".", "~") if key in (".", "..") else key
