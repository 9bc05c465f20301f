"""Lists by pages: the parameters ``offset``, ``limit`` and ``desc``, and the largest page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response

MAX_LIST = 1000
Entry = TypeVar("Entry")


def page_response(call: Call, entries: Sequence[Entry], show: Callable[[Entry], Any]) -> Response:
    """Respond with one page of a list whose entries are in ascending order."""
    offset = call.integer("offset") or 0
    # Whether the live service clamps a larger limit or refuses it is unknown.
    limit = min(call.integer("limit") or MAX_LIST, MAX_LIST)
    desc = bool(call.flag("desc"))
    ordered = entries[::-1] if desc else entries
    items = [show(entry) for entry in ordered[offset : offset + limit]]
    page = {"total": len(entries), "count": len(items), "offset": offset, "limit": limit, "desc": desc}
    return data_response({**page, "items": items})
