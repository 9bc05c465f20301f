"""Names of the files that a key-value store's records become, and of the manifest that lists the files."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

#: No record can have this name: `~` is in no name but those that are no key's own.
MANIFEST_NAME = "~manifest.json"

# What Apify's keys are made of, beside letters and digits.
_PLAIN = "!-_.'()"
# A file name has at most 255 bytes on most disks; the rest is for the suffixes of others.
_LONGEST_NAME = 200


def file_name(key: str) -> str:
    """
    Name a record's file by the record's key, but for keys that no disk takes as a name.

    The characters of Apify's keys may all be in a file name; others, which Apify refuses today, are escaped
    as in a URL. No two keys share a name, and none leads to another folder.
    """
    if key in (".", ".."):
        return key.replace(".", "~")
    name = quote(key, safe=_PLAIN, errors="surrogatepass").replace("~", "%7E")
    if len(name) <= _LONGEST_NAME:
        # Nothing else is named by a lone escape sign.
        return name or "%"
    return f"{name[:100]}~{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
