"""The events a running Actor hears of over its WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import WSMsgType, web


class Events:
    """The listeners of one run."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[str], asyncio.AbstractEventLoop] = {}

    def __reduce__(self) -> tuple[type[Events], tuple[()]]:
        return Events, ()  # kept state has no listeners

    def send(self, name: str, data: dict[str, Any]) -> None:
        """Tell all listeners; may be called from any thread."""
        message = json.dumps({"name": name, "data": data})
        for queue, loop in tuple(self._listeners.items()):
            with contextlib.suppress(RuntimeError):  # the server may just have stopped
                loop.call_soon_threadsafe(queue.put_nowait, message)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass events on to a WebSocket until it is closed."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)  # type: ignore[arg-type]
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners[queue] = asyncio.get_running_loop()
        sender = asyncio.create_task(_pass_on(queue, socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            del self._listeners[queue]
            sender.cancel()
        return socket


async def _pass_on(queue: asyncio.Queue[str], socket: web.WebSocketResponse) -> None:
    while True:
        await socket.send_str(await queue.get())
