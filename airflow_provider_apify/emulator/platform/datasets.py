"""Datasets: their schema, their counts and how the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.platform.dataset_items import ItemStore
from airflow_provider_apify.emulator.platform.storages import Storage


@dataclass
class Dataset(Storage):
    """A dataset."""

    label = "dataset"
    console = "datasets"

    items: ItemStore = field(default_factory=ItemStore)
    schema: dict[str, Any] | None = None
    _settled: tuple[int, int] = (0, 0)

    def push(self, items: Iterable[dict[str, Any]]) -> None:
        """Append items."""
        if self.clock.time() - self.modified_at >= self.switches.stale_seconds:
            self._settled = (len(self.items), self.items.clean_count)
        self.items.extend(items)
        self.was_written()

    def counts(self) -> tuple[int, int]:
        """Return the numbers of items and of clean items that the API tells, which may lag behind."""
        fresh = self.clock.time() - self.modified_at < self.switches.stale_seconds
        if fresh and self.switches.stale_total == "zero":
            return 0, 0
        if fresh and self.switches.stale_total == "stale":
            return self._settled
        return len(self.items), self.items.clean_count

    def describe(self) -> dict[str, Any]:
        """Return the dataset object of the API."""
        total, clean = self.counts()
        return {
            **super().describe(),
            "title": self.title,
            "itemCount": total,
            "cleanItemCount": clean,
            "fields": list(self.items.fields),
            "schema": self.schema,
            "stats": {
                "readCount": self.reads,
                "writeCount": self.writes,
                "storageBytes": self.items.bytes,
                "inflatedBytes": self.items.bytes,
            },
            **self.switches.unknown_fields,
        }
