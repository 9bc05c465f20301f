"""The Actor's log in the task's own: every line once, in order, whatever comes between."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_apify.api.errors import ApifyRunFailedError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("server", "fast_clock")]

LINES = 200
EVERY = 3


@pytest.fixture(autouse=True)
def talker(emulator: Emulator) -> None:
    """An Actor that writes a line now and then, in two of which there is more than ASCII."""

    @emulator.actor("emulator/talker")
    def talk(actor: Any) -> None:
        for number in range(LINES):
            actor.log(f"<{number}> {'žluťoučký kůň 🐎' if number % 100 == 7 else ''}")
            actor.sleep(EVERY)
        if (actor.input or {}).get("fail"):
            raise RuntimeError("failed as told")


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"<(\d+)>", text)]


def talk(**kwargs: Any) -> RunActorOperator:
    arguments: dict[str, Any] = {
        "task_id": "run",
        "actor_id": "emulator/talker",
        "wait_for_completion": True,
    } | kwargs
    return RunActorOperator(**arguments)


def test_full_shows_every_line_live_on_a_worker(
    emulator: Emulator, stored_tries: TaskTries, read_log: Any
) -> None:
    talk(actor_log="full").execute(stored_tries.context)
    assert numbers(read_log()) == list(range(LINES))
    assert "žluťoučký kůň 🐎" in read_log()
    looks = [seen for seen in emulator.requests if seen.path.endswith("/log")]
    assert 20 < len(looks) < LINES * EVERY / 5 + 10


@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", "GET", "/v2/actor-runs/*/log", tuple(range(2, 40, 3)), status=503),
        Fault("drop-after", "GET", "/v2/actor-runs/*/log", tuple(range(2, 40, 3))),
        Fault("alter", "GET", "/v2/actor-runs/*/log", tuple(range(2, 40, 3)), cut_at=100),
        Fault(
            "answer",
            "GET",
            "/v2/actor-runs/*/log",
            (4, 5, 9),
            status=200,
            body="of a lagging replica\n",
            content_type="text/plain",
        ),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}",
)
def test_trouble_neither_loses_nor_doubles_a_line(
    emulator: Emulator, stored_tries: TaskTries, read_log: Any, fault: Fault
) -> None:
    emulator.faults.add(fault)
    talk(actor_log="full").execute(stored_tries.context)
    assert numbers(read_log()) == list(range(LINES))


def test_a_long_log_is_read_rarely(emulator: Emulator, stored_tries: TaskTries, read_log: Any) -> None:
    @emulator.actor("emulator/chatterbox")
    def chatter(actor: Any) -> None:
        actor.log("\n".join(["x" * 99] * 50_000))
        for number in range(LINES):
            actor.log(f"<{number}>")
            actor.sleep(EVERY)

    talk(actor_id="emulator/chatterbox", actor_log="full").execute(stored_tries.context)
    looks = [seen for seen in emulator.requests if seen.path.endswith("/log")]
    assert len(looks) < 12
    assert numbers(read_log()) == list(range(LINES))


def test_the_last_lines_are_shown_by_default(
    emulator: Emulator, stored_tries: TaskTries, read_log: Any
) -> None:
    talk().execute(stored_tries.context)
    assert numbers(read_log()) == list(range(LINES - 50, LINES))
    assert len([seen for seen in emulator.requests if seen.path.endswith("/log")]) == 1


def test_off_shows_and_asks_for_nothing(emulator: Emulator, stored_tries: TaskTries, read_log: Any) -> None:
    talk(actor_log="off").execute(stored_tries.context)
    assert numbers(read_log()) == []
    assert not [seen for seen in emulator.requests if seen.path.endswith("/log")]


def test_the_last_lines_are_in_the_error(stored_tries: TaskTries, read_log: Any) -> None:
    with pytest.raises(ApifyRunFailedError, match="<199>"):
        talk(run_input={"fail": True}).execute(stored_tries.context)
    assert numbers(read_log()) == []


@pytest.mark.parametrize("fail", [False, True])
def test_full_shows_every_line_at_the_end_of_a_deferral(
    emulator: Emulator, stored_tries: TaskTries, read_log: Any, fail: bool
) -> None:
    """While the task is deferred nothing of the log is shown: the triggerer cannot mask all secrets."""
    operator = talk(actor_log="full", deferrable=True, run_input={"fail": fail})
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(stored_tries.context)
    event = asyncio.run(event_of(deferred.value.trigger))
    assert numbers(read_log()) == []
    assert not [seen for seen in emulator.requests if seen.path.endswith("/log")]
    with pytest.raises(ApifyRunFailedError) if fail else nullcontext():
        operator.execute_complete(stored_tries.context, event)
    assert numbers(read_log()) == list(range(LINES))


AS_ASKED = pytest.mark.parametrize(
    ("actor_log", "shown"),
    [("off", []), ("tail", list(range(LINES - 50, LINES))), ("full", list(range(LINES)))],
)


@AS_ASKED
def test_a_poking_sensor_shows_as_much_of_the_log_as_asked(
    emulator: Emulator, hook: Any, stored_tries: TaskTries, read_log: Any, actor_log: Any, shown: Any
) -> None:
    run_id = hook.start_actor_run("emulator/talker").id
    sensor = ApifyRunSensor(
        task_id="wait", run_id=run_id, actor_log=actor_log, deferrable=False, poke_interval=30
    )
    while not sensor.poke(stored_tries.context).is_done:
        emulator.clock.advance(30)
    assert numbers(read_log()) == shown


@AS_ASKED
def test_a_deferred_sensor_shows_as_much_of_the_log_as_asked(
    hook: Any, stored_tries: TaskTries, read_log: Any, actor_log: Any, shown: Any
) -> None:
    run_id = hook.start_actor_run("emulator/talker").id
    sensor = ApifyRunSensor(task_id="wait", run_id=run_id, actor_log=actor_log, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(stored_tries.context)
    event = asyncio.run(event_of(deferred.value.trigger))
    assert numbers(read_log()) == []
    sensor.execute_complete(stored_tries.context, event)
    assert numbers(read_log()) == shown
