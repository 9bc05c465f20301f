"""The WebSocket over which an Actor's process hears the events of its run."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from airflow_provider_apify.emulator.platform.actor_events import Events


async def serve_events(request: web.BaseRequest, events: Events) -> web.StreamResponse:
    """Pass events on until the WebSocket is closed."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)  # type: ignore[arg-type]
    with events.heard() as queue:
        sender = asyncio.create_task(_pass_on(queue, socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            sender.cancel()
    return socket


async def _pass_on(queue: asyncio.Queue[str], socket: web.WebSocketResponse) -> None:
    while True:
        await socket.send_str(await queue.get())
