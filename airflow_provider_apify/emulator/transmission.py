"""How an answer travels: compression, faults on the way, bytes counted."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from airflow_provider_apify.emulator.call import Answer
from airflow_provider_apify.emulator.faults import Fault

BLOCK = 1 << 20
THROTTLED_BLOCK = 1 << 14
WORTH_COMPRESSING = 1024


async def send(
    request: web.BaseRequest, answer: Answer, faults: Sequence[Fault]
) -> tuple[web.StreamResponse, int]:
    """Send an answer; return the response and how many bytes of body went out."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    if answer.content_type:
        response.headers["Content-Type"] = answer.content_type
    body, length = answer.body, answer.length
    if isinstance(body, bytes):
        length = len(body)
    encoding = _encoding(request, answer, length)
    if encoding:
        response.headers["Content-Encoding"] = encoding
        response.headers["Vary"] = "Accept-Encoding"
        if isinstance(body, bytes):
            body = _compressor(encoding).compress_all(body)
            length = len(body)
        else:
            body, length = _compressed(body, encoding), None
    if answer.status == 204:
        length = None
    elif length is not None:
        response.content_length = length
    else:
        response.enable_chunked_encoding()
    for fault in faults:
        if fault.latency:
            await asyncio.sleep(fault.latency)
    await response.prepare(request)
    sent = 0
    if request.method != "HEAD" and answer.status != 204:
        cut_at = min((fault.cut_at for fault in faults if fault.cut_at is not None), default=None)
        bandwidth = min((fault.bandwidth for fault in faults if fault.bandwidth), default=None)
        slow = sum(fault.slow for fault in faults)
        async for block in _blocks(body, THROTTLED_BLOCK if slow or bandwidth else BLOCK):
            if slow or bandwidth:
                await asyncio.sleep(slow + (len(block) / bandwidth if bandwidth else 0))
            if cut_at is not None and sent + len(block) >= cut_at:
                await response.write(block[: cut_at - sent])
                raise CutError(sent + cut_at - sent)
            await response.write(block)
            sent += len(block)
    elif not isinstance(body, bytes) and hasattr(body, "aclose"):
        await body.aclose()
    await response.write_eof()
    return response, sent


class CutError(Exception):
    """The connection is to be closed in the middle of the body."""

    def __init__(self, sent: int) -> None:
        super().__init__(sent)
        self.sent = sent


def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection without (further) answer."""
    if request.transport is not None:
        request.transport.close()
    return web.StreamResponse()


async def _blocks(
    body: bytes | AsyncIterator[bytes | memoryview], size: int
) -> AsyncIterator[bytes | memoryview]:
    if isinstance(body, bytes):
        view = memoryview(body)
        for position in range(0, len(view), size):
            yield view[position : position + size]
        return
    async for block in body:
        if len(block) <= size:
            yield block
            continue
        view = memoryview(block)
        for position in range(0, len(view), size):
            yield view[position : position + size]


class _Compressor:
    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.compressobj(1, zlib.DEFLATED, wbits)

    def compress(self, block: bytes | memoryview) -> bytes:
        return self._zlib.compress(block)

    def flush(self) -> bytes:
        return self._zlib.flush()

    def compress_all(self, body: bytes) -> bytes:
        return self.compress(body) + self.flush()


def _compressor(encoding: str) -> _Compressor:
    return _Compressor(31 if encoding == "gzip" else 15)


def _encoding(request: web.BaseRequest, answer: Answer, length: int | None) -> str | None:
    if length is not None and length < WORTH_COMPRESSING:
        return None
    if request.method == "HEAD" or not (answer.content_type or "").startswith(("text/", "application/")):
        return None
    accepted = [part.partition(";") for part in request.headers.get("Accept-Encoding", "").lower().split(",")]
    names = {name.strip() for name, _, weight in accepted if weight.replace(" ", "") not in ("q=0", "q=0.0")}
    return next((name for name in ("gzip", "deflate") if name in names), None)


async def _compressed(
    body: AsyncIterator[bytes | memoryview], encoding: str
) -> AsyncIterator[bytes | memoryview]:
    compressor = _compressor(encoding)
    async for block in body:
        # zlib lets go of the interpreter lock for large blocks; small ones are not worth a thread.
        large = len(block) > WORTH_COMPRESSING * 16
        packed = await asyncio.to_thread(compressor.compress, block) if large else compressor.compress(block)
        if packed:
            yield packed
    yield compressor.flush()
