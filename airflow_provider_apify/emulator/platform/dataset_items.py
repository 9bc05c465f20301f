"""The items of a dataset, kept as the JSON Lines that are served."""

from __future__ import annotations

import bisect
import json
import threading
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

BLOCK = 1 << 20
BATCH = 1000
FIELDS_SAMPLE = 1000


def encode(value: Any) -> bytes:
    """Encode a value as one line of compact JSON; NaN and infinities, which JSON lacks, raise ValueError."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # halves of surrogate pairs: legal in JSON, as escapes only
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _is_clean(line: bytes) -> bool:
    if b'"#' not in line:
        return line != b"{}"
    return any(not name.startswith("#") for name in json.loads(line))


class ItemStore:
    """
    An append-only sequence of JSON objects.

    Blocks hold the items as JSON Lines; an index of their ends (8 bytes an item) makes a late page as fast as
    the first one, and whole items are served without decoding them.
    """

    def __init__(self) -> None:
        # Between writers; readers see the items that there were when they began.
        self._lock = threading.Lock()
        self._blocks: list[bytes | bytearray] = []
        self._starts: list[int] = []
        self._ends = array("Q")
        self.bytes = 0
        self.clean_count = 0
        self.fields: dict[str, None] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}

    def __len__(self) -> int:
        return len(self._ends)

    def extend(self, items: Iterable[dict[str, Any]]) -> None:
        """Append items."""
        lines = [(item, encode(item) + b"\n") for item in items]
        with self._lock:
            for item, line in lines:
                self.clean_count += any(not name.startswith("#") for name in item)
                self.fields.update(dict.fromkeys(item))
                self._append(line)

    def load(self, lines: bytes) -> None:
        """Append compact JSON objects, one a line, without decoding more than the first thousand."""
        if lines and not lines.endswith(b"\n"):
            lines += b"\n"
        with self._lock:
            first = len(self)
            if lines:
                self._blocks.append(lines)
                self._starts.append(self.bytes)
            start, end = 0, lines.find(b"\n")
            while end >= 0:
                line = lines[start:end]
                self.clean_count += _is_clean(line)
                start = end + 1
                self._ends.append(self.bytes + start)
                end = lines.find(b"\n", start)
            self.bytes += len(lines)
            for item in self.at(range(first, min(first + FIELDS_SAMPLE, len(self)))):
                self.fields.update(dict.fromkeys(item))

    def size(self, start: int, stop: int) -> int:
        """Return the size in bytes of the items ``start`` to ``stop`` as JSON Lines."""
        return self._offset(stop) - self._offset(start)

    def lines(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the items ``start`` to ``stop`` as JSON Lines, in blocks of about a megabyte, not copied."""
        here, end = self._offset(start), self._offset(stop)
        number = bisect.bisect_right(self._starts, here) - 1
        while here < end:
            # A growing block is copied: a bytearray cannot be appended to while a view of it exists.
            block = self._blocks[number]
            view = memoryview(bytes(block) if isinstance(block, bytearray) else block)
            base = self._starts[number]
            upto = min(end, base + len(view))
            for position in range(here - base, upto - base, BLOCK):
                yield view[position : min(position + BLOCK, upto - base)]
            here, number = upto, number + 1

    def at(self, positions: range) -> Iterator[dict[str, Any]]:
        """Yield the decoded items at consecutive positions, upwards or downwards."""
        for first in range(0, len(positions), BATCH):
            batch = positions[first : first + BATCH]
            start, stop = min(batch), max(batch) + 1
            lines = b"".join(self.lines(start, stop)).split(b"\n")
            for position in batch:
                yield json.loads(lines[position - start])

    def _offset(self, position: int) -> int:
        position = min(position, len(self))
        return self._ends[position - 1] if position > 0 else 0

    def _append(self, line: bytes) -> None:
        last = self._blocks[-1] if self._blocks else None
        if not isinstance(last, bytearray) or len(last) + len(line) > BLOCK:
            if isinstance(last, bytearray):
                self._blocks[-1] = bytes(last)
            last = bytearray()
            self._blocks.append(last)
            self._starts.append(self.bytes)
        last += line
        self.bytes += len(line)
        self._ends.append(self.bytes)
