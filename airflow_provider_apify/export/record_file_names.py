"""Names of the files that a key-value store's records become, and of the manifest that lists the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import quote

#: No record can have this name: `~` is in no name but those that are no key's own.
MANIFEST_NAME = "~manifest.json"

# What Apify's keys are made of, beside letters and digits.
_PLAIN = "!-_.'()"
# A file name has at most 255 bytes on most disks; the rest is for the suffixes of others.
_LONGEST_NAME = 200


class FileNames:
    """
    Names of the files of one export, no two of which differ only in case: not every disk tells them apart.

    :param old: names of the files that it replaces, or will delete.
    """

    def __init__(self, old: Iterable[str]) -> None:
        self._taken = {name.lower(): name for name in old}

    def of(self, key: str) -> str:
        """Name a record's file; the first one of two keys that differ in case has the plain name."""
        name = file_name(key)
        return name if self._taken.setdefault(name.lower(), name) == name else file_name(key, digest=True)


def listed_name(key: str, destination: str) -> str:
    """Return the name of a file that a manifest lists: one of the two that its key may have."""
    name = file_name(key, digest=True)
    return name if destination.endswith(name.rpartition("~")[2]) else file_name(key)


def file_name(key: str, *, digest: bool = False) -> str:
    """
    Name a record's file by the record's key, but for keys that no disk takes as a name.

    The characters of Apify's keys may all be in a file name; others, which Apify refuses today, are escaped
    as in a URL. No two keys share a name, and none leads to another folder.

    :param key: the record's key.
    :param digest: whether to add the key's digest, which long names always get.
    """
    if key in (".", ".."):
        return key.replace(".", "~")
    name = quote(key, safe=_PLAIN, errors="surrogatepass").replace("~", "%7E")
    if len(name) <= _LONGEST_NAME and not digest:
        # Nothing else is named by a lone escape sign.
        return name or "%"
    return f"{name[:100]}~{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
