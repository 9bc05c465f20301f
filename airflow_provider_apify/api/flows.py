"""
Logic that talks to the API and sleeps, written once: a generator decides, one of two drivers does as it says.

A flow yields a :class:`Call` and is given its result, or has the call's :class:`ApifyError` thrown into it;
or it yields a :class:`Pause`, or :class:`LogLines` that somebody is to see.
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
from airflow_provider_apify.api.logs import LogLines

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """
    A wish to sleep.

    :param seconds: how long.
    """

    seconds: float


Step = Call[Any] | Pause | LogLines
Flow = Generator[Step, Any, T]
_Advance = Callable[[], Step]


def drive(
    flow: Flow[T], send: Callable[[Call[Any]], Any], pass_on: Callable[[LogLines], None] | None = None
) -> T:
    """
    Do as a flow says, on a worker.

    :param flow: the logic.
    :param send: sends a call.
    :param pass_on: takes lines of a log, for flows that give some.
    :return: what the flow returns.
    """

    def do(step: Step) -> Any:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        if isinstance(step, LogLines):
            return pass_on and pass_on(step)
        return send(step)

    advance: _Advance = partial(next, flow)
    while True:
        try:
            step = advance()
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            answer = do(step)
        except ApifyError as error:
            advance = partial(flow.throw, error)
        else:
            advance = partial(flow.send, answer)


async def drive_async(
    flow: Flow[T],
    send: Callable[[Call[Any]], Coroutine[Any, Any, Any]],
    pass_on: Callable[[LogLines], Coroutine[Any, Any, None]] | None = None,
) -> T:
    """
    Do as a flow says, in the triggerer.

    :param flow: the logic.
    :param send: sends a call.
    :param pass_on: takes lines of a log, for flows that give some.
    :return: what the flow returns.
    """

    async def do(step: Step) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, LogLines):
            return await pass_on(step) if pass_on else None
        return await send(step)

    advance: _Advance = partial(next, flow)
    while True:
        try:
            step = advance()
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            answer = await do(step)
        except ApifyError as error:
            advance = partial(flow.throw, error)
        else:
            advance = partial(flow.send, answer)
