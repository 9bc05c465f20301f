"""The names of this machine: all that the emulator answers to, and all that it calls."""

from __future__ import annotations

from urllib.parse import urlsplit

_NAMES = ("127.0.0.1", "localhost", "::1")


def is_this_machine(url: str) -> bool:
    """Return whether a URL, or a host after ``//``, names this machine."""
    try:
        return urlsplit(url).hostname in _NAMES
    except ValueError:
        return False
