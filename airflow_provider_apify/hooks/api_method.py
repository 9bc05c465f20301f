"""Calls of the API as methods of the hook, each on a worker and on an event loop."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from copy import copy
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.flow import Flow, drive_async, send_one

P = ParamSpec("P")
T = TypeVar("T")


class ApiMethod(Generic[P, T]):
    """
    A call of the API, or a flow of several, as a method: `hook.get_run(id)`, or `await hook.get_run.aio(id)`.

    The method's documentation and signature, for people, IDEs and AI agents, are those of its maker.
    """

    _hook: Any = None

    def __init__(self, make: Callable[P, Call[T] | Flow[T]]) -> None:
        update_wrapper(self, make)
        self._make = make
        # The maker returns `Call[X]` or `Flow[X]`; the method returns its X.
        result = re.sub(r"^(?:Call|Flow)\[(.*)\]$", r"\1", make.__annotations__["return"])
        self.__signature__ = inspect.signature(make).replace(return_annotation=result)
        self.__annotations__ = {**make.__annotations__, "return": result}

    def __get__(self, hook: Any, owner: type[Any]) -> ApiMethod[P, T]:
        bound = copy(self)
        bound._hook = hook
        return bound

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send the call from a worker."""
        result: T = self._hook.drive(self._flow(*args, **kwargs))
        return result

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send the call from an event loop."""
        async with self._hook.async_client() as client:
            return await drive_async(self._flow(*args, **kwargs), client.send)

    def _flow(self, *args: P.args, **kwargs: P.kwargs) -> Flow[T]:
        made = self._make(*args, **kwargs)
        return send_one(made) if isinstance(made, Call) else made
