"""The HTTP server on 127.0.0.1: an event loop in a thread, from a request to its response."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.registry import Platform
from airflow_provider_apify.emulator.platform.this_machine import is_this_machine
from airflow_provider_apify.emulator.server.faults import Faults, as_altered, respond_under_faults
from airflow_provider_apify.emulator.server.rate_limits import RateLimiter, limit_of
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, error_response
from airflow_provider_apify.emulator.server.response_writer import hang_up, send
from airflow_provider_apify.emulator.server.routing import Router, without_aliases
from airflow_provider_apify.emulator.server.seen_requests import SeenRequest, remember
from airflow_provider_apify.emulator.server.websocket import serve_events

log = logging.getLogger(__name__)

CONTROL = "/__emulator__"
EVENTS = f"{CONTROL}/events/"


@dataclass
class Server:
    """
    A server on 127.0.0.1: a context manager that starts and stops it.

    :param platform: The emulated platform.
    :param router: The routes of the API.
    :param faults: The faults that requests meet.
    :param token: Token of the default user.
    :param port: The port; 0, the default, picks a free one, which is set here on entering.
    :param requests: List that the requests are appended to.
    :raises OSError: on entering the context, if the port is taken.
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

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving and drop the requests that are still open."""
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
        server = web.Server(self._handle, access_log=None, auto_decompress=False)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
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
        transports = [connection.transport for connection in server.connections if connection.transport]
        await runner.cleanup()
        # A transport with data that its client does not read would keep its socket open.
        for transport in transports:
            transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if _is_of_a_foreign_page(request):
            refusal = ApiError(403, "foreign-request", "The emulator answers this machine, and no web page.")
            return await send(request, error_response(refusal), (), lambda size: None)
        if request.path.startswith(EVENTS):
            run = self.platform.runs.get(request.path.removeprefix(EVENTS))
            return await serve_events(request, run.events) if run else hang_up(request)
        if request.path.startswith(CONTROL):
            return await send(request, await self._respond(request, limited=False), (), lambda size: None)
        return await self._handle_api(request)

    async def _handle_api(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond to a request to the API, as far as faults allow."""
        seen = remember(request, self.platform.clock.time(), self.requests)
        request = without_aliases(request)
        faults = self.faults.meeting(request.method, request.path)
        await asyncio.sleep(sum(fault.delay for fault in faults))
        request = as_altered(request, faults)
        answer = await respond_under_faults(request, faults, self._respond_within_limits)
        if answer is None:
            return hang_up(request)
        seen.status = answer.status
        return await send(request, answer, faults, seen.count)

    async def _respond_within_limits(self, request: web.BaseRequest) -> Response:
        answer = await self._respond(request, limited=self.platform.switches.rate_limits)
        answer.headers["X-RateLimit-Limit"] = str(limit_of(request.method, request.path))
        answer.headers["Date"] = formatdate(self.platform.clock.time(), usegmt=True)
        return answer

    async def _respond(self, request: web.BaseRequest, *, limited: bool) -> Response:
        self.platform.forget_expired()
        try:
            if limited:
                self._rates.count(request.method, request.path)
            handler, params = await self.router.resolve(request)
            return await handler(Call(self.platform, request, params))
        except ApiError as error:
            return error_response(error)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            # A defect of the emulator must not look like an error of the platform.
            log.exception("The emulator failed to answer %s %s", request.method, request.path)
            return error_response(ApiError(500, "internal-server-error", traceback.format_exc()))


def _is_of_a_foreign_page(request: web.BaseRequest) -> bool:
    """Return whether a web page from elsewhere asks, or one that calls this machine by a name of its own."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    host = request.headers.get("Host", "")
    return (
        not is_this_machine(f"//{host}")
        or (origin is not None and not is_this_machine(origin))
        # Told also of an image or a link, which has no `Origin`.
        or site == "cross-site"
    )
