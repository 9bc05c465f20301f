"""Text that others wrote, on its way into messages, log lines and events: bounded, and without secrets."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

# Enough for the longest errors of Apify, and for a log line.
_MOST_CHARACTERS = 500


def foreign_text(text: object, secrets: Iterable[str] = (), most: int = _MOST_CHARACTERS) -> str:
    """Return a text without control characters and secrets, and shortened."""
    # A cut first: a body may have hundreds of megabytes. A secret may lie across it, hence the length.
    known = [form for secret in secrets for form in _forms(secret)]
    told = str(text)[: most + max(map(len, known), default=0)]
    for form in sorted(known, key=len, reverse=True):
        told = told.replace(form, "***")
    told = "".join(char if char.isprintable() else " " for char in told)
    return told if len(told) <= most else f"{told[:most]} […]"


def secrets_of(token: str, proxy: str | None) -> tuple[str, ...]:
    """Return what must not be told: the token, and a proxy's credentials as they are and as they are sent."""
    credentials = (proxy or "").rpartition("@")[0].rpartition("://")[2]
    if not credentials:
        return (token,)
    plain = unquote(credentials)
    password = plain.partition(":")[2]
    return tuple(filter(None, (token, credentials, plain, password)))


def _forms(secret: str) -> set[str]:
    """Return a secret in the encodings in which it travels."""
    encoded = b64encode(secret.encode()).decode()
    return {secret, quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}
