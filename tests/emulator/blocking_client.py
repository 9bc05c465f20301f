"""The async client with the interface of the sync one, so that one test covers both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any


class BlockingClient:
    """An object of the async client, whose methods wait for their results."""

    def __init__(self, inner: Any, runner: asyncio.Runner) -> None:
        self._inner, self._runner = inner, runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value) or isinstance(value, type):
            return value
        return self._calling(value)

    def __enter__(self) -> Any:
        return self._wrapped(self._wait(self._inner.__aenter__()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._inner.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[Any]:
        iterator = aiter(self._inner)
        while True:
            try:
                yield self._wait(anext(iterator))
            except StopAsyncIteration:
                return

    def _calling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._wrapped(function(*args, **kwargs))

        return call

    def _wait(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self._runner.run(wait())

    def _wrapped(self, value: Any) -> Any:
        if inspect.isawaitable(value) and not isinstance(value, AsyncIterator):
            value = self._wait(value)
        theirs = type(value).__module__.startswith("apify_client._resource_clients")
        streams = isinstance(value, AbstractAsyncContextManager | AsyncIterator) or hasattr(value, "aread")
        return (
            BlockingClient(value, self._runner) if theirs or streams or hasattr(value, "__aiter__") else value
        )
