"""``/v2/logs``: the log of a run or build, at once or as a stream."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from functools import partial

from airflow_provider_apify.emulator.platform.run_life_cycle import Run
from airflow_provider_apify.emulator.routes.build_endpoints import find_built, get_build_log
from airflow_provider_apify.emulator.routes.resource_access import run_of
from airflow_provider_apify.emulator.routes.run_endpoints import RUN
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response


async def get_log(call: Call) -> Response:
    """Answer with the log of the run or build of that id."""
    built = find_built(call, call.params["runId"])
    return await (get_build_log(call, built) if built else get_run_log(call, run_of(call)))


@RUN.on("GET", "/log")
async def get_run_log(call: Call, run: Run) -> Response:
    """Answer with the log of a run; with ``stream`` the response lasts until the run ends."""
    raw = bool(call.flag("raw"))
    answer = Response(content_type="text/plain; charset=utf-8")
    if call.flag("download"):
        answer.headers["Content-Disposition"] = f'attachment; filename="{run.id}.txt"'
    # The stream of a run that has not written anything yet is empty and ends at once.
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
