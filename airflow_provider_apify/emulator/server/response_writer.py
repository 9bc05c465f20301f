"""Sending a response: compression, chunks, and the delays and cuts of faults."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable, Sequence

from aiohttp import web

from airflow_provider_apify.emulator.server.faults import Fault
from airflow_provider_apify.emulator.server.response import Blocks, Response

BLOCK = 1 << 20
THROTTLED_BLOCK = 1 << 14
WORTH_COMPRESSING = 1024
BODILESS = (204, 304)
COMPRESSIBLE = re.compile(r"text/|application/(json|jsonl|xml|rss\+xml|javascript)\b")


async def send(
    request: web.BaseRequest, answer: Response, faults: Sequence[Fault], count: Callable[[int], None]
) -> web.StreamResponse:
    """Send a response under faults; ``count`` is told the size of each block of the body."""
    response, body = _prepared(request, answer, unframed=any(fault.unframed for fault in faults))
    for fault in faults:
        await asyncio.sleep(fault.latency)
    await response.prepare(request)
    if request.method != "HEAD" and answer.status not in BODILESS:
        left = min((fault.cut_at for fault in faults if fault.cut_at is not None), default=None)
        pace = _Pace(faults)
        async for block in _blocks(body, pace.block):
            await pace.wait(len(block))
            part = block if left is None else block[:left]
            count(len(part))
            await response.write(part)
            if left is not None:
                left -= len(part)
                if not left:
                    return hang_up(request)
    await response.write_eof()
    return response


class _UnframedResponse(web.StreamResponse):
    """A response that ends with the connection."""

    _length_check = False


def _prepared(
    request: web.BaseRequest, answer: Response, *, unframed: bool
) -> tuple[web.StreamResponse, bytes | Blocks]:
    """Return the response with its headers, and the body with its encoding."""
    kind = _UnframedResponse if unframed else web.StreamResponse
    response = kind(status=answer.status, headers=answer.headers)
    # HTML that an Actor stored must not act as a page of this server, for which no request is foreign.
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if answer.content_type:
        response.headers.setdefault("Content-Type", answer.content_type)
    body, length = answer.body, len(answer.body) if isinstance(answer.body, bytes) else answer.length
    encoding = _encoding(request, answer, length)
    if encoding:
        response.headers["Content-Encoding"] = encoding
        response.headers["Vary"] = "Accept-Encoding"
        if isinstance(body, bytes) and len(body) <= BLOCK:
            compressor = _compressor(encoding)
            body = compressor.compress(body) + compressor.flush()
            length = len(body)
        else:
            body, length = _compressed(_blocks(body, BLOCK), encoding), None
    if unframed:
        response.force_close()
    elif answer.status in BODILESS:
        pass
    elif length is not None:
        response.content_length = length
    else:
        response.enable_chunked_encoding()
    return response, body


class _Pace:
    """The speed that faults allow a body."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        trickle = sum(fault.trickle for fault in faults)
        self._slow = sum(fault.slow for fault in faults) + trickle
        self._bandwidth = min((fault.bandwidth for fault in faults if fault.bandwidth), default=None)
        self.block = 1 if trickle else THROTTLED_BLOCK if self._slow or self._bandwidth else BLOCK

    async def wait(self, size: int) -> None:
        """Wait as long as a block of that size takes."""
        pause = self._slow + (size / self._bandwidth if self._bandwidth else 0)
        if pause:
            await asyncio.sleep(pause)


def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection without a response, or in the middle of one."""
    if request.transport is not None:
        request.transport.close()
    return web.StreamResponse()


async def _blocks(body: bytes | Blocks, size: int) -> Blocks:
    async for block in _once(body) if isinstance(body, bytes) else body:
        view = memoryview(block)
        for position in range(0, len(view), size):
            yield view[position : position + size]


async def _once(body: bytes) -> Blocks:
    yield body


def _compressor(encoding: str) -> zlib._Compress:
    return zlib.compressobj(1, zlib.DEFLATED, 31 if encoding == "gzip" else 15)


def _encoding(request: web.BaseRequest, answer: Response, length: int | None) -> str | None:
    if length is not None and length < WORTH_COMPRESSING:
        return None
    if request.method == "HEAD" or not COMPRESSIBLE.match(answer.content_type or ""):
        return None
    accepted = [part.partition(";") for part in request.headers.get("Accept-Encoding", "").lower().split(",")]
    names = {name.strip() for name, _, weight in accepted if weight.replace(" ", "") not in ("q=0", "q=0.0")}
    return next((name for name in ("gzip", "deflate") if name in names), None)


async def _compressed(body: Blocks, encoding: str) -> Blocks:
    compressor = _compressor(encoding)

    def pack(block: bytes | memoryview) -> bytes:
        # Each block is flushed, so that a log stream does not wait for the next megabyte.
        return compressor.compress(block) + compressor.flush(zlib.Z_SYNC_FLUSH)

    async for block in body:
        # zlib releases the interpreter lock for large blocks; small ones are not worth a thread.
        large = len(block) > WORTH_COMPRESSING * 16
        yield await asyncio.to_thread(pack, block) if large else pack(block)
    yield compressor.flush()
