"""The HTTP server: an event loop in a thread of its own, on the loopback interface."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

from airflow_provider_apify.emulator.call import Answer, Call, error_answer
from airflow_provider_apify.emulator.clock import iso
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.faults import Fault, Faults
from airflow_provider_apify.emulator.platform import Platform
from airflow_provider_apify.emulator.rates import RateLimiter, limit_of
from airflow_provider_apify.emulator.routing import Router
from airflow_provider_apify.emulator.transmission import hang_up, send

log = logging.getLogger(__name__)

CONTROL = "/__emulator__"
MAX_REQUESTS = 200_000
EVENTS = f"{CONTROL}/events/"


@dataclass
class SeenRequest:
    """A request the emulator was asked, as :attr:`Emulator.requests` tells it (the last 100,000 at least).

    :param status: HTTP status of the answer; None when the connection was closed without one.
    :param bytes_sent: Bytes of the answer's body.
    :param time: When it came, epoch seconds, emulated.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    time: float
    status: int | None = None
    bytes_sent: int = 0

    def count(self, size: int) -> None:
        """Count bytes that go out."""
        self.bytes_sent += size

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON for ``/__emulator__/requests``."""
        return {**asdict(self), "time": iso(self.time)}


@dataclass
class Server:
    """A running server; a context manager that stops it.

    :param port: Port on 127.0.0.1; 0 picks a free one.
    :param token: Token of the default user.
    """

    platform: Platform
    router: Router
    faults: Faults
    token: str
    port: int = 0
    requests: list[SeenRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="emulator-server", daemon=True)
        self._ready = threading.Event()
        self._problem: OSError | None = None
        self._rates = RateLimiter()

    @property
    def url(self) -> str:
        """Base URL, without ``/v2``."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        self._thread.start()
        self._ready.wait()
        if self._problem:
            raise self._problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving; requests still held open are dropped."""
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.ServerRunner(
            web.Server(self._handle, access_log=None, auto_decompress=False), shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=4096)
        try:
            await site.start()
        except OSError as problem:
            self._problem = problem
            await runner.cleanup()
            return
        self.port = runner.addresses[0][1]
        self.platform.url = self.url
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(EVENTS):
            run = self.platform.runs.get(request.path.removeprefix(EVENTS))
            return await run.events.serve(request) if run else hang_up(request)
        if request.path.startswith(CONTROL):
            return await send(request, await self._answer(request), (), lambda size: None)
        return await self._asked(request)

    async def _asked(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request to the API, as faults allow."""
        seen = SeenRequest(
            request.method,
            request.path,
            dict(request.query),
            dict(request.headers),
            self.platform.clock.time(),
        )
        self.requests.append(seen)
        request = _normalised(request)
        if len(self.requests) > MAX_REQUESTS:
            del self.requests[: MAX_REQUESTS // 2]
        faults = self.faults.meeting(request.method, request.path)
        await asyncio.sleep(sum(fault.delay for fault in faults))
        answer = await self._decided(request, faults)
        if answer is None:
            return hang_up(request)
        seen.status = answer.status
        return await send(request, answer, faults, seen.count)

    async def _decided(self, request: web.BaseRequest, faults: Sequence[Fault]) -> Answer | None:
        """Let the request take effect or not, and return what to answer: None is to hang up."""
        scripted = next((fault for fault in faults if fault.action != "alter"), None)
        if scripted is None:
            return await self._limited(request)
        match scripted.action:
            case "refuse":
                return None
            case "answer":
                return _scripted(scripted)
            case "drop-before":
                async for _ in request.content.iter_any():
                    pass
                return None
        await self._limited(request)
        return _scripted(scripted) if scripted.action == "answer-after" else None

    async def _limited(self, request: web.BaseRequest) -> Answer:
        try:
            if self.platform.switches.rate_limits:
                self._rates.count(request.method, request.path)
        except ApiError as error:
            answer = error_answer(error)
        else:
            answer = await self._answer(request)
        answer.headers["X-RateLimit-Limit"] = str(limit_of(request.method, request.path))
        return answer

    async def _answer(self, request: web.BaseRequest) -> Answer:
        self.platform.expire()
        try:
            handler, params = await self.router.resolve(request)
            return await handler(Call(self.platform, request, params))
        except ApiError as error:
            return error_answer(error)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            # A defect of the emulator: say so plainly, rather than look like trouble of the platform.
            log.exception("The emulator failed to answer %s %s", request.method, request.path)
            return error_answer(ApiError(500, "internal-server-error", traceback.format_exc()))


def _normalised(request: web.BaseRequest) -> web.BaseRequest:
    """Undo the API's two ways of saying the same: the alias ``/v2/acts`` and ``?method=POST`` on a GET."""
    url, method = request.rel_url, request.method
    if url.raw_path.startswith("/v2/acts/") or url.raw_path == "/v2/acts":
        url = url.with_path("/v2/actors" + url.raw_path[len("/v2/acts") :], encoded=True, keep_query=True)
    if method == "GET" and url.query.get("method"):
        method = url.query["method"].upper()
    if url is request.rel_url and method == request.method:
        return request
    return request.clone(method=method, rel_url=url)


def _scripted(fault: Fault) -> Answer:
    if fault.body is not None:
        return Answer(fault.status, fault.body.encode(), fault.content_type, dict(fault.headers))
    answer = error_answer(ApiError(fault.status, fault.type, fault.message))
    answer.headers.update(fault.headers)
    return answer
