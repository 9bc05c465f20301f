"""
Logic that talks to the API and sleeps, written once: a generator decides, one of two drivers carries it out.

A flow yields a :class:`Call` and is given its result, or has the call's error thrown into it;
or it yields a :class:`Pause`. A single call is a flow of one step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from airflow_provider_apify.api.call import Call

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """A wish to sleep."""

    seconds: float


Step = Call[Any] | Pause
Flow = Generator[Step, Any, T]
AsyncSend = Callable[[Call[Any]], Coroutine[Any, Any, Any]]


class Send(Protocol):
    """A function that sends a call from a worker and returns its result, such as `Client.send`."""

    def __call__(self, call: Call[T], /) -> T: ...  # noqa: D102


def send_one(call: Call[T]) -> Flow[T]:
    """Send a single call."""
    return cast("T", (yield call))


def drive(flow: Flow[T], send: Send) -> T:
    """Carry a flow out on a worker, and return its result."""
    try:
        step = next(flow)
        while True:
            try:
                answer = _sleep(step) if isinstance(step, Pause) else send(step)
            except Exception as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as stop:
        return cast("T", stop.value)


def _sleep(pause: Pause) -> Any:
    time.sleep(pause.seconds)


async def drive_async(flow: Flow[T], send: AsyncSend) -> T:
    """Carry a flow out on an event loop, and return its result."""
    try:
        step = next(flow)
        while True:
            try:
                answer = await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else send(step))
            except Exception as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as stop:
        return cast("T", stop.value)
