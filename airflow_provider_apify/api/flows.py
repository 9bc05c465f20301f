"""
Logic that talks to the API and sleeps, written once: a generator decides, one of two drivers does as it says.

A flow yields a :class:`Call` and is given its result, or has the call's :class:`ApifyError` thrown into it;
or it yields a :class:`Pause`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from airflow_provider_apify.api.calls import Call
from airflow_provider_apify.api.errors import ApifyError

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """
    A wish to sleep.

    :param seconds: how long.
    """

    seconds: float


Flow = Generator[Call[Any] | Pause, Any, T]
_Advance = Callable[[], Call[Any] | Pause]


def _sleep(pause: Pause) -> Any:
    time.sleep(pause.seconds)


def drive(flow: Flow[T], send: Callable[[Call[Any]], Any]) -> T:
    """
    Do as a flow says, on a worker.

    :param flow: the logic.
    :param send: sends a call.
    :return: what the flow returns.
    """
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


async def drive_async(flow: Flow[T], send: Callable[[Call[Any]], Coroutine[Any, Any, Any]]) -> T:
    """
    Do as a flow says, in the triggerer.

    :param flow: the logic.
    :param send: sends a call.
    :return: what the flow returns.
    """
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
