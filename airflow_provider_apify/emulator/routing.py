"""Routes: which handler answers which method and path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from aiohttp import web
from aiohttp.web_urldispatcher import UrlDispatcher

from airflow_provider_apify.emulator.call import Answer, Call
from airflow_provider_apify.emulator.errors import ApiError

Handler = Callable[[Call], Awaitable[Answer]]
Resource = TypeVar("Resource")
Find = Callable[[Call], Resource]


class Family(Generic[Resource]):
    """Operations on one kind of resource, to be mounted wherever such a resource is reached."""

    def __init__(self) -> None:
        self._operations: list[tuple[str, str, Callable[[Call, Resource], Awaitable[Answer]]]] = []

    def on(self, method: str, tail: str = "") -> Callable[[Any], Any]:
        """Register ``async def handler(call, resource)`` for a method and the rest of a path."""

        def register(handler: Callable[[Call, Resource], Awaitable[Answer]]) -> Any:
            self._operations.append((method, tail, handler))
            return handler

        return register

    def mount(
        self, router: Router, prefix: str, find: Find[Resource], only: tuple[str, ...] | None = None
    ) -> None:
        """Serve the family under a prefix.

        :param find: Finds the resource that the prefix names, and checks that the caller may see it.
        :param only: The operations to serve, as ``METHOD tail``, where not all of them exist there.
        """
        for method, tail, handler in self._operations:
            if only is None or f"{method} {tail}" in only:
                router.add(method, prefix + tail, _bound(handler, find))


def _bound(handler: Callable[[Call, Resource], Awaitable[Answer]], find: Find[Resource]) -> Handler:
    async def bound(call: Call) -> Answer:
        return await handler(call, find(call))

    return bound


class Router:
    """All routes of the API."""

    def __init__(self) -> None:
        self._dispatcher = UrlDispatcher()

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Add a route."""
        self._dispatcher.add_route(method, path, handler)  # type: ignore[arg-type]

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Add a route, as a decorator."""

        def register(handler: Handler) -> Handler:
            self.add(method, path, handler)
            return handler

        return register

    async def resolve(self, request: web.BaseRequest) -> tuple[Handler, dict[str, str]]:
        """Find the handler of a request, and the values of the path's placeholders.

        :raises ApiError: if there is none.
        """
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
