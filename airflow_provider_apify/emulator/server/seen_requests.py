"""The requests that the emulator has seen: their fields, and how many are remembered."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

MAX_REQUESTS = 200_000


@dataclass
class SeenRequest:
    """
    A request to the emulated API, as :attr:`Emulator.requests` lists it.

    :param method: HTTP method, as it came.
    :param path: Path, as it came, without the query.
    :param query: Query parameters.
    :param headers: HTTP headers.
    :param time: When it came, in emulated seconds since the epoch.
    :param status: HTTP status of the response; None when the connection was closed without one.
    :param bytes_sent: Size of the response's body so far, in bytes.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    time: float
    status: int | None = None
    bytes_sent: int = 0

    def count(self, size: int) -> None:
        """Add to the bytes sent."""
        self.bytes_sent += size


def remember(request: web.BaseRequest, time: float, requests: list[SeenRequest]) -> SeenRequest:
    """Append a request to those seen, of which the older half is forgotten when there are too many."""
    query, headers = dict(request.query), dict(request.headers)
    seen = SeenRequest(request.method, request.path, query, headers, time)
    requests.append(seen)
    if len(requests) > MAX_REQUESTS:
        del requests[: MAX_REQUESTS // 2]
    return seen
