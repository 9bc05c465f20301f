"""Items of many shapes, and how tests read the items of a dataset."""

from __future__ import annotations

from typing import Any

from tests.emulator.http_client import HttpClient

ITEMS: list[dict[str, Any]] = [
    {"url": "a", "n": 1, "#debug": "x", "tags": ["p", "q"], "price": {"usd": 1.5, "eur": None}},
    {},
    {"#debug": "only hidden"},
    {"url": 'b,"c"\nd', "n": None, "children": [{"k": 1}, {"k": 2, "url": "inner"}, 3]},
]


def read_items(http: HttpClient, path: str, **query: Any) -> Any:
    return http("GET", path, params=query).json()
