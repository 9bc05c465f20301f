"""Text that others wrote, on its way into messages, log lines and events: visible, short, no secrets."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

# Enough for the longest errors of Apify, and for a log line.
_MOST_CHARACTERS = 500

# Characters of a line of a log, of which an Actor may write millions.
_MOST_LINE_CHARACTERS = 10_000

# Of the sequences for a terminal these are harmless, and common in logs.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
# Controls, those of the direction of writing among them, invisible characters, lone surrogates, line ends.
_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# A tab, and what joins letters and emoji.
_PLAIN = {"\t", "\u200c", "\u200d"}
# Airflow's pages of a log fold or drop lines with `::group::` or `::endgroup::`; 2.11's also `##[]group]`.
_FOLDS = re.compile(r"[:#](?=(?::|#\[\]?)(?:end)?group(?:::|\]))", re.IGNORECASE)


def visible_lines(text: str) -> list[str]:
    """
    Return the lines of a text, any length of it, as they may stand in a log.

    What would steer a terminal or Airflow's page of the log is shown, as in `\\x1b[2K` or `\\x3a:group::`.
    """
    return [_visible(line) for line in text.splitlines()]


def _visible(line: str) -> str:
    if len(line) > _MOST_LINE_CHARACTERS:
        line = f"{line[:_MOST_LINE_CHARACTERS]} […]"
    line = _COLOURS.sub("", line)
    if not line.isprintable():
        line = "".join(char.encode("unicode_escape").decode() if _steers(char) else char for char in line)
    return _FOLDS.sub(lambda fold: f"\\x{ord(fold[0]):02x}", line)


def _steers(char: str) -> bool:
    return unicodedata.category(char) in _STEERING and char not in _PLAIN


def foreign_text(text: object, secrets: Iterable[str] = (), most: int = _MOST_CHARACTERS) -> str:
    """Return a text on one line, visible as :func:`visible_lines` are, without secrets, and shortened."""
    known = ["".join(visible_lines(form)) for secret in secrets for form in _forms(secret)]
    # A cut first, as a body may have hundreds of megabytes; what it leaves of a secret goes below.
    margin = max(map(len, known), default=1)
    raw = str(text)
    told = " ".join(visible_lines(raw[: most + margin]))
    for form in sorted(known, key=len, reverse=True):
        told = told.replace(form, "***")
    if len(raw) > most + margin:
        told = told[:-margin]
    elif len(told) <= most:
        return told
    return f"{told[:most]} […]"


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
