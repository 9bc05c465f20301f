"""The parameter ``waitForFinish``: how long a request may wait for the end of a run."""

from __future__ import annotations

from airflow_provider_apify.emulator.platform.run_life_cycle import Run
from airflow_provider_apify.emulator.server.request import Call

MAX_WAIT = 60


def wait_seconds(call: Call) -> float:
    """Return ``waitForFinish``, which the API caps at 60 seconds; clients do send more."""
    return min(call.number("waitForFinish") or 0, MAX_WAIT)


async def wait_for_finish(call: Call, run: Run) -> None:
    """Wait for the end of a run as long as ``waitForFinish`` says."""
    seconds = wait_seconds(call)
    if seconds:
        await wait_until_finished(run, seconds)


async def wait_until_finished(run: Run, seconds: float) -> None:
    """Wait for the end of a run for so many emulated seconds at most."""
    clock = run.platform.clock
    await run.changed.wait(clock, clock.time() + seconds, lambda: run.is_finished)
