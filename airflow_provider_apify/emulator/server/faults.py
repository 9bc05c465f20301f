"""Scripted faults: the requests that meet a fault, and what the fault does to a request."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from aiohttp import web

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.server.response import Response, error_response

Action = Literal["refuse", "drop-before", "drop-after", "answer", "answer-after", "alter"]


@dataclass
class Fault:
    """
    A fault that some requests meet.

    :param action: ``refuse`` and ``drop-before`` close the connection without a response and without effect
        (``refuse`` before the body is read), ``drop-after`` closes it after the effect, ``answer`` responds
        with ``status``, ``type`` and so on without effect, ``answer-after`` responds so after the effect,
        ``alter``, the default, lets the request take effect and changes only how the response is sent.
    :param method: HTTP method; ``*``, the default, is any.
    :param path: Glob over the path, by default any; ``*`` matches slashes too. ``/v2/acts`` counts as
        ``/v2/actors``.
    :param calls: Numbers, from 1, of the matching requests that meet the fault. Default ``()``: all.
    :param status: HTTP status of ``answer``. Default 500.
    :param type: Error type of ``answer``. Default ``internal-server-error``.
    :param message: Error message of ``answer``.
    :param body: A body for ``answer`` that is not Apify's JSON, an HTML page for instance; bytes that are no
        text are those of Python's ``surrogateescape``. Default None.
    :param content_type: Content type of ``body``. Default ``text/html``.
    :param headers: Headers of the response, over those that it has: ``Retry-After`` for instance; None takes
        one away.
    :param request_headers: Headers that a proxy sets over those of the request, for ``alter`` and
        ``drop-after``.
    :param query: Query parameters that take effect in place of the request's, for ``alter`` and
        ``drop-after``, as with a cache that does not tell the requests apart; None takes one away.
    :param delay: Real seconds to wait before the request takes effect. Default 0.
    :param latency: Real seconds to wait before the first byte of the response. Default 0.
    :param unframed: Whether nothing but the end of the connection marks the end of the body, as with a proxy
        that speaks HTTP/1.0: no ``Content-Length`` and no chunks. Default False.
    :param cut_at: Number of bytes of the body after which the connection is closed. Default None: not at all.
    :param slow: Real seconds to wait before each block of the body. Default 0.
    :param trickle: Real seconds to wait before each single byte of the body. Default 0.
    :param bandwidth: Bytes per second of the body, for each connection. Default None: no limit.
    :param matched: How many requests matched method and path; counted by the emulator.
    :param fired: How many of these met the fault; counted by the emulator.
    :raises ValueError: if ``action`` is not one of the above.
    """

    action: Action = "alter"
    method: str = "*"
    path: str = "*"
    calls: tuple[int, ...] = ()
    status: int = 500
    type: str = "internal-server-error"
    message: str = "Internal server error"
    body: str | None = None
    content_type: str = "text/html"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    request_headers: dict[str, str] = field(default_factory=dict)
    query: Mapping[str, str | None] = field(default_factory=dict)
    delay: float = 0
    latency: float = 0
    unframed: bool = False
    cut_at: int | None = None
    slow: float = 0
    trickle: float = 0
    bandwidth: float | None = None
    matched: int = field(default=0, compare=False)
    fired: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        actions = get_args(Action)
        if self.action not in actions:
            raise ValueError(f"There is no action {self.action!r}; choose one of {', '.join(actions)}.")
        self.calls = tuple(self.calls)

    def meets(self, method: str, path: str) -> bool:
        """Count a request and say whether it meets the fault."""
        if self.method not in ("*", method) or not fnmatch.fnmatchcase(path, self.path):
            return False
        self.matched += 1
        if self.calls and self.matched not in self.calls:
            return False
        self.fired += 1
        return True


class Faults:
    """The faults in force; each request meets all that match it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """
        Put a fault in force and return it, so that ``fired`` can be read later.

        :param fault: The fault.
        """
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(tuple(self._faults))

    def meeting(self, method: str, path: str) -> list[Fault]:
        """Return the faults that a request meets, and count the request for each of them."""
        with self._lock:
            return [fault for fault in self._faults if fault.meets(method, path)]


def as_altered(request: web.BaseRequest, faults: Iterable[Fault]) -> web.BaseRequest:
    """Return a request as faults have it arrive."""
    if any(fault.request_headers for fault in faults):
        headers = _over(request.headers, (fault.request_headers for fault in faults))
        request = request.clone(headers=headers)
    if any(fault.query for fault in faults):
        query = _over(request.query, (fault.query for fault in faults))
        request = request.clone(rel_url=request.rel_url.with_query(query))
    return request


async def respond_under_faults(
    request: web.BaseRequest,
    faults: Iterable[Fault],
    respond: Callable[[web.BaseRequest], Awaitable[Response]],
) -> Response | None:
    """Let a request take effect, unless a fault prevents that; None is to hang up."""
    faults = list(faults)
    fault = next((fault for fault in faults if fault.action != "alter"), None)
    answer = await _respond(request, fault, respond)
    if answer is not None:
        answer.headers = _over(answer.headers, (fault.headers for fault in faults))
    return answer


def _over(own: Mapping[str, str], others: Iterable[Mapping[str, str | None]]) -> dict[str, str]:
    """Set values over those that are there; None takes one away."""
    values: dict[str, str | None] = dict(own)
    for other in others:
        values.update(other)
    return {name: value for name, value in values.items() if value is not None}


async def _respond(
    request: web.BaseRequest, fault: Fault | None, respond: Callable[[web.BaseRequest], Awaitable[Response]]
) -> Response | None:
    if fault is None:
        return await respond(request)
    match fault.action:
        case "refuse":
            return None
        case "answer":
            return _response_of(fault)
        case "drop-before":
            async for _ in request.content.iter_any():
                pass
            return None
    await respond(request)
    return _response_of(fault) if fault.action == "answer-after" else None


def _response_of(fault: Fault) -> Response:
    if fault.body is not None:
        return Response(fault.status, fault.body.encode(errors="surrogateescape"), fault.content_type)
    return error_response(ApiError(fault.status, fault.type, fault.message))
