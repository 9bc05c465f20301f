"""The log of a run."""

from __future__ import annotations

import re

from airflow_provider_apify.emulator.clock import Clock, Notifier, iso

MAX_CHARACTERS = 10_485_760
ANSI = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Log:
    """Lines, each behind the time it was written at; full after 10,485,760 characters."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._text = bytearray()
        self.changed = Notifier()

    def write(self, text: str) -> None:
        """Append text, line by line."""
        stamp = iso(self._clock.time())
        lines = "".join(f"{stamp} {line}\n" for line in text.rstrip("\n").split("\n")).encode(
            errors="replace"
        )
        self._text += lines[: max(0, MAX_CHARACTERS - len(self._text))]
        self.changed.notify()

    def __len__(self) -> int:
        return len(self._text)

    def read(self, start: int = 0, *, raw: bool = False) -> bytes:
        """Return the log from byte ``start`` on; ANSI escape codes are taken out unless ``raw``."""
        text = bytes(self._text[start:])
        return text if raw else ANSI.sub(b"", text)
