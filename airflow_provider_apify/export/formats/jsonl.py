"""Pages of JSON Lines, as values."""

from __future__ import annotations

import json
import re
from typing import Any

# One escape in JSON: a pair of surrogates, which is one character; half of one; or any other.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def rows_of(page: bytes, **options: Any) -> list[dict[str, Any]]:
    """
    Return the rows of a page.

    Half a character, such as JavaScript leaves when it cuts an emoji, becomes U+FFFD: JSON can hold it, and
    nothing that is written in UTF-8.

    :param page: whole lines.
    :param options: for :func:`json.loads`.
    """
    if b"\\ud" in page or b"\\uD" in page:
        page = _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], page)
    rows: list[dict[str, Any]] = json.loads(b"[" + page.rstrip(b"\n").replace(b"\n", b",") + b"]", **options)
    return rows
