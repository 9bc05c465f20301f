"""Routing: the handler of a method and path, aliases, and operations that several paths share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from aiohttp import web
from aiohttp.web_urldispatcher import UrlDispatcher

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response

Handler = Callable[[Call], Awaitable[Response]]
Resource = TypeVar("Resource")
Find = Callable[[Call], Resource]
Operation = Callable[[Call, Resource], Awaitable[Response]]


class Operations(Generic[Resource]):
    """The operations on one kind of resource, for each path that leads to such a resource."""

    def __init__(self) -> None:
        self._operations: list[tuple[str, str, Operation[Resource]]] = []

    def on(self, method: str, tail: str = "") -> Callable[[Operation[Resource]], Operation[Resource]]:
        """Register an operation for a method and the rest of a path."""

        def register(handler: Operation[Resource]) -> Operation[Resource]:
            self._operations.append((method, tail, handler))
            return handler

        return register

    def mount(self, router: Router, prefix: str, find: Find[Resource], only: Sequence[str] = ()) -> None:
        """Serve the operations, or only some, named ``METHOD tail``, on the resource that a prefix names."""
        for method, tail, handler in self._operations:
            if not only or f"{method} {tail}" in only:
                router.add(method, prefix + tail, _bound(handler, find))


def _bound(handler: Operation[Resource], find: Find[Resource]) -> Handler:
    async def bound(call: Call) -> Response:
        return await handler(call, find(call))

    return bound


def without_aliases(request: web.BaseRequest) -> web.BaseRequest:
    """Replace the alias ``/v2/acts`` and the parameter ``method`` of a GET by what they stand for."""
    url, method = request.rel_url, request.method
    if url.raw_path.startswith("/v2/acts/") or url.raw_path == "/v2/acts":
        url = url.with_path("/v2/actors" + url.raw_path[len("/v2/acts") :], encoded=True, keep_query=True)
    if method == "GET" and url.query.get("method"):
        method = url.query["method"].upper()
    if url is request.rel_url and method == request.method:
        return request
    return request.clone(method=method, rel_url=url)


class Router:
    """All routes of the API."""

    def __init__(self) -> None:
        self._dispatcher = UrlDispatcher()

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Add a route."""
        self._dispatcher.add_route(method, path, handler)  # type: ignore[arg-type]

    async def resolve(self, request: web.BaseRequest) -> tuple[Handler, dict[str, str]]:
        """Find the handler of a request and the values of the path's placeholders."""
        match = await self._dispatcher.resolve(request)  # type: ignore[arg-type]
        refusal = match.http_exception
        if isinstance(refusal, web.HTTPMethodNotAllowed):
            methods = ", ".join(sorted(refusal.allowed_methods | {"OPTIONS"}))
            raise ApiError(
                405,
                "method-not-allowed",
                f"This API endpoint can only be accessed using the following HTTP methods: {methods}",
                headers={"Allow": methods},
            )
        if refusal is not None:
            raise ApiError(404, "page-not-found", "We have bad news: there is no API endpoint at this URL")
        return match.handler, dict(match)  # type: ignore[return-value]
