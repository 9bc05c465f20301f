"""What a run cost: final figures, in XCom and in the log."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.triggers.run import ApifyRunTrigger
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


@pytest.fixture(autouse=True)
def paid(emulator: Emulator) -> None:
    """An Actor that charges 20 dollars, which Apify has summed up a while after its end."""
    emulator.switches.usage_settle_seconds = 8

    @emulator.actor("emulator/paid", pay_per_event={"page": 2.0})
    def crawl(actor: Any) -> None:
        actor.charge("page", 10)
        actor.push_data([{}, {}, {}])
        actor.sleep(60)


def test_the_cost_is_final_on_a_worker(stored_tries: TaskTries, read_log: Any) -> None:
    operator = RunActorOperator(task_id="run", actor_id="emulator/paid", wait_for_completion=True)
    info = operator.execute(stored_tries.context)
    assert 20 <= info["usageTotalUsd"] < 21
    assert info["usage"].keys() == {"ACTOR_COMPUTE_UNITS", "DATASET_WRITES"}
    for words in ("ended as SUCCEEDED after 0:", "It cost $20.", " ACTOR_COMPUTE_UNITS", "left 3 items"):
        assert words in read_log()


async def test_the_cost_is_final_in_the_triggerer(hook: ApifyHook) -> None:
    run_id = hook.start_actor_run("emulator/paid").id
    event = await event_of(ApifyRunTrigger(run_id, "apify_default"))
    assert 20 <= event["run"]["usageTotalUsd"] < 21


def test_the_cost_is_final_for_a_poking_sensor(
    emulator: Emulator, hook: ApifyHook, stored_tries: TaskTries
) -> None:
    run_id = hook.start_actor_run("emulator/paid").id
    sensor = ApifyRunSensor(task_id="wait", run_id=run_id, deferrable=False, poke_interval=1)
    while not (found := sensor.poke(stored_tries.context)).is_done:
        emulator.clock.advance(1)
    assert 20 <= (found.xcom_value or {})["usageTotalUsd"] < 21


def test_a_run_of_long_ago_is_not_waited_for(
    emulator: Emulator, hook: ApifyHook, stored_tries: TaskTries
) -> None:
    run = hook.wait_for_run(hook.start_actor_run("emulator/paid").id)
    emulator.clock.advance(100)
    asked = len(emulator.requests)
    ApifyRunSensor(task_id="wait", run_id=run.id, actor_log="off").execute(stored_tries.context)
    assert [seen.path.split("/")[2] for seen in emulator.requests[asked:]] == ["actor-runs", "datasets"]


def test_an_unknown_cost_does_no_harm(emulator: Emulator, stored_tries: TaskTries, read_log: Any) -> None:
    emulator.faults.add(Fault("answer", "GET", "/v2/datasets/*", status=503))
    emulator.faults.add(Fault("answer", "GET", "/v2/actor-runs/*/log", status=503))
    operator = RunActorOperator(task_id="run", actor_id="emulator/paid", wait_for_completion=True)
    assert operator.execute(stored_tries.context)["status"] == "SUCCEEDED"
    assert "left an unknown number of items" in read_log()
