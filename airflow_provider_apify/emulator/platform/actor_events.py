"""The events (``aborting``, ``systemInfo``, ``persistState``) that a running Actor is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any


class Events:
    """The listeners to the events of one run."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[str], asyncio.AbstractEventLoop] = {}

    def __reduce__(self) -> tuple[type[Events], tuple[()]]:
        return Events, ()  # saved state has no listeners

    def send(self, name: str, data: dict[str, Any]) -> None:
        """Tell all listeners; safe to call from any thread."""
        message = json.dumps({"name": name, "data": data})
        for queue, loop in tuple(self._listeners.items()):
            with contextlib.suppress(RuntimeError):  # the server may just have stopped
                loop.call_soon_threadsafe(queue.put_nowait, message)

    @contextlib.contextmanager
    def heard(self) -> Iterator[asyncio.Queue[str]]:
        """Put the events, as JSON, into a queue of the running event loop."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners[queue] = asyncio.get_running_loop()
        try:
            yield queue
        finally:
            del self._listeners[queue]
