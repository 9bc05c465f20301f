"""A run is aborted if somebody stopped its task, and goes on if Airflow did for reasons of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import Context

from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.runs import stop_or_shutdown
from airflow_provider_apify.triggers.run import ApifyRunTrigger
from tests.support.task_context import TaskInstance
from tests.support.waiting import wait_until
from tests.unit.conftest import Airflow

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

LONG = {"seconds": 36_000}


def start() -> str:
    return ApifyHook().start_actor_run("emulator/worker", LONG).id


def away() -> Any:
    raise ConnectionError("Airflow is away")


WORDS = {
    "failed": "Aborted the run",
    "running": "Nobody stopped this task",
    "away": "Airflow does not tell whether somebody stopped this task",
}


@pytest.mark.parametrize("state", list(WORDS))
def test_a_worker_aborts_only_what_somebody_stopped(
    emulator: Emulator, airflow: Airflow, read_log: Callable[[], str], state: str
) -> None:
    airflow.knows(state=state)
    if state == "away":
        airflow.answer = away
    operator = RunActorOperator(task_id="run", actor_id="emulator/worker", run_input=LONG)
    info = operator.execute(cast("Context", {"ti": airflow.ti}))
    operator.on_kill()
    assert [abort["runId"] for abort in emulator.aborts] == [info["id"]] * (state == "failed")
    log = read_log()
    assert WORDS[state] in log
    assert info["id"] in log.partition(WORDS[state])[2] or state == "running"


def test_a_kill_that_cannot_abort_says_so(
    emulator: Emulator, airflow: Airflow, read_log: Callable[[], str]
) -> None:
    airflow.knows(state="failed")
    operator = RunActorOperator(task_id="run", actor_id="emulator/worker", run_input=LONG)
    info = operator.execute(cast("Context", {"ti": airflow.ti}))
    emulator.faults.add(Fault("answer", "POST", "*/abort", status=403, type="insufficient-permissions"))
    operator.on_kill()
    words = "could not be aborted and may be going on"
    assert info["id"] in read_log().partition(words)[2]


def trigger_of(run_id: str, **kwargs: Any) -> ApifyRunTrigger:
    trigger = ApifyRunTrigger(run_id, "apify_default", **{"cancel_on_kill": True, **kwargs})
    trigger.task_instance = TaskInstance(max_tries=2)  # type: ignore[assignment]
    return trigger


async def kill(trigger: ApifyRunTrigger) -> None:
    """Kill a task that waits in the triggerer, as Airflow of this version does."""
    if stop_or_shutdown.AIRFLOW_CALLS_ON_KILL:
        await trigger.on_kill()
        return
    wait = asyncio.ensure_future(anext(trigger.run()))
    await asyncio.sleep(0)
    wait.cancel()
    with suppress(asyncio.CancelledError):
        await wait


TRIGGER_WORDS = {
    "failed": "The task was stopped by a user. Aborted the run",
    "deferred": "Nobody stopped the task; the run",
    "away": "Airflow does not tell whether somebody stopped the task. The run",
}


@pytest.mark.parametrize("state", list(TRIGGER_WORDS))
async def test_a_trigger_aborts_only_what_somebody_stopped(
    emulator: Emulator, airflow: Airflow, read_log: Callable[[], str], state: str
) -> None:
    airflow.knows(state=state)
    if state == "away":
        airflow.answer = away
    run_id = start()
    await kill(trigger_of(run_id))
    assert [abort["runId"] for abort in emulator.aborts] == [run_id] * (state == "failed")
    assert f"{TRIGGER_WORDS[state]} {run_id}" in read_log()


async def test_a_trigger_aborts_nothing_that_it_is_told_to_leave(
    emulator: Emulator, airflow: Airflow
) -> None:
    airflow.knows(state="failed")
    run_id = start()
    await kill(trigger_of(run_id, cancel_on_kill=False))
    assert not emulator.aborts


async def test_a_trigger_that_has_fired_leaves_the_run_to_its_task(
    emulator: Emulator, airflow: Airflow
) -> None:
    airflow.knows(state="failed")
    run_id = start()
    trigger = trigger_of(run_id, give_up_at=emulator.clock.time() + 60)
    async for _ in trigger.run():
        await trigger.on_kill()
    assert not emulator.aborts


async def test_an_abort_outlives_further_cancellations(emulator: Emulator, airflow: Airflow) -> None:
    airflow.knows(state="failed")
    run_id = start()
    killing = asyncio.ensure_future(trigger_of(run_id).on_kill())
    await asyncio.sleep(0)
    killing.cancel()
    with suppress(asyncio.CancelledError):
        await killing
    await asyncio.to_thread(wait_until, lambda: emulator.aborts, 5)
    assert emulator.aborts == [{"runId": run_id, "effective": True}]
