"""How many items to ask for at once, and how many bytes a page may have."""

from __future__ import annotations

from typing import Any

# The size that is aimed at: large enough for the network's speed, small enough for many pages in memory.
TARGET_BYTES = 4 << 20
#: Largest page to accept; items whose page is larger are asked for in halves.
MAX_BYTES = 2 * TARGET_BYTES
#: Largest page of a single item to accept: the largest item of Apify, of 9 MB, and what `unwind` makes of it.
MAX_ITEM_BYTES = 64 << 20
#: Items to ask for while nothing is known of their size.
FIRST_ITEMS = 1_000
_SMALLEST_TARGET_BYTES = 1 << 19
_MAX_ITEMS = 50_000


class PageSize:
    """Number of items to ask for at once, learned from the dataset's figures and from the pages that came."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._target = _SMALLEST_TARGET_BYTES
        self._items = 0
        self._bytes = 0

    @property
    def items(self) -> int:
        """Items to ask for."""
        if not self._bytes:
            return FIRST_ITEMS
        return max(1, min(self._target * self._items // self._bytes, _MAX_ITEMS))

    def expect(self, metadata: dict[str, Any]) -> int:
        """Start from the figures of the API's dataset object; return how many items it counts."""
        items: int = metadata["itemCount"]
        stats = metadata["stats"]
        told = stats.get("inflatedBytes") or stats.get("storageBytes")
        # A guess to begin with: pages are measured as they come.
        total = told if type(told) is int and told > 0 else 0
        # A small dataset is spread over all connections, too.
        self._target = max(_SMALLEST_TARGET_BYTES, min(total // (2 * self._concurrency), TARGET_BYTES))
        if items:
            self._items, self._bytes = items, total
        return items

    def learn(self, items: int, size: int) -> None:
        """Take note of how many bytes some items had."""
        # What came last counts most: items at the start of a dataset need not be like those at its end.
        self._items, self._bytes = max(1, (self._items + items) // 2), max(1, (self._bytes + size) // 2)
