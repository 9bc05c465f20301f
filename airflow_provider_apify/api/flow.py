"""
Logic that talks to the API and sleeps, written once: a generator decides, one of two drivers carries it out.

A flow yields a :class:`Call` and is given its result, or has the call's :class:`ApifyError` thrown into it;
or it yields a :class:`Pause`. A single call is a flow of one step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyError

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """A wish to sleep."""

    seconds: float


Step = Call[Any] | Pause
Flow = Generator[Step, Any, T]
Send = Callable[[Call[Any]], Any]
AsyncSend = Callable[[Call[Any]], Coroutine[Any, Any, Any]]
_Advance = Callable[[], Step]


def send_one(call: Call[T]) -> Flow[T]:
    """Send a single call."""
    result: T = yield call
    return result


def drive(flow: Flow[T], send: Send) -> T:
    """Carry a flow out on a worker, and return its result."""
    advance: _Advance = partial(next, flow)
    while True:
        try:
            step = advance()
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            answer = _sleep(step) if isinstance(step, Pause) else send(step)
        except ApifyError as error:
            advance = partial(flow.throw, error)
        else:
            advance = partial(flow.send, answer)


def _sleep(pause: Pause) -> Any:
    time.sleep(pause.seconds)


async def drive_async(flow: Flow[T], send: AsyncSend) -> T:
    """Carry a flow out on an event loop, and return its result."""
    advance: _Advance = partial(next, flow)
    while True:
        try:
            step = advance()
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            answer = await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else send(step))
        except ApifyError as error:
            advance = partial(flow.throw, error)
        else:
            advance = partial(flow.send, answer)
