"""The log of a run: time stamps, size limit, ANSI codes."""

from __future__ import annotations

import re

from airflow_provider_apify.emulator.platform.clock import Clock, Notifier, iso

MAX_CHARACTERS = 10_485_760
ANSI = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Log:
    """Lines with their time stamps, up to 10,485,760 characters in all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._text = bytearray()
        self.changed = Notifier()

    def write(self, text: str) -> None:
        """Append text, each line with a time stamp."""
        stamp = iso(self._clock.time())
        lines = "".join(f"{stamp} {line}\n" for line in text.rstrip("\n").split("\n")).encode(
            errors="replace"
        )
        self._text += lines[: max(0, MAX_CHARACTERS - len(self._text))]
        self.changed.notify()

    def __len__(self) -> int:
        return len(self._text)

    def read(self, start: int = 0, *, raw: bool = False) -> bytes:
        """Return the log from byte ``start`` on, without ANSI escape codes unless ``raw``."""
        text = bytes(self._text[start:])
        return text if raw else ANSI.sub(b"", text)
