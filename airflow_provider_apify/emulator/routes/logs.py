"""Logs."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from functools import partial

from airflow_provider_apify.emulator.call import Answer, Call
from airflow_provider_apify.emulator.routes.access import run_of
from airflow_provider_apify.emulator.routes.builds import find_built, log_of_build
from airflow_provider_apify.emulator.routing import Router
from airflow_provider_apify.emulator.runs import Run


def register(router: Router) -> None:
    """Add the logs by the id of a run or build."""
    router.add("GET", "/v2/logs/{runId}", get_log)


async def get_log(call: Call) -> Answer:
    """Answer with the log of the run or build of that id."""
    built = find_built(call, call.params["runId"])
    return log_of_build(call, built) if built else log_answer(call, run_of(call))


def log_answer(call: Call, run: Run) -> Answer:
    """Answer with a log; ``stream`` holds it open until the run ends."""
    raw = bool(call.flag("raw"))
    answer = Answer(content_type="text/plain; charset=utf-8")
    if call.flag("download"):
        answer.headers["Content-Disposition"] = f'attachment; filename="{run.id}.txt"'
    # A run that has not written anything yet gives an empty stream that ends.
    if call.flag("stream") and len(run.log) and not run.is_finished:
        answer.body = _follow(run, raw)
    else:
        answer.body = run.log.read(raw=raw)
    return answer


async def _follow(run: Run, raw: bool) -> AsyncIterator[bytes]:
    position = 0
    while True:
        finished, end = run.is_finished, len(run.log)
        if end > position:
            yield run.log.read(position, raw=raw)
            position = end
        if finished:
            return
        await run.log.changed.wait(run.platform.clock, math.inf, partial(_has_news, run, position))


def _has_news(run: Run, position: int) -> bool:
    return run.is_finished or len(run.log) > position
