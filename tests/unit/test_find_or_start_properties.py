"""Whatever happens, in whatever order: no run is paid twice, and no task is green without a success."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.run import RunActorOperator
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

pytestmark = pytest.mark.usefixtures("server")

_NO_ANSWER = [{"action": action} for action in ("refuse", "drop-before", "drop-after")]
_REFUSALS = [
    {"action": "answer", "status": 429, "type": "rate-limit-exceeded"},
    {"action": "answer", "status": 402, "type": "actor-memory-limit-exceeded"},
    {"action": "answer", "status": 402, "type": "concurrent-runs-limit-exceeded"},
]
_OUTAGES = [
    {"action": "answer", "status": 503},
    {"action": "answer-after", "status": 502, "body": "<html>Bad gateway"},
    {"action": "answer-after", "status": 200, "body": "<html>Log in to the Wi-Fi"},
    {"action": "alter", "cut_at": 20},
]
_FAILURES = ("FAILED", "ABORTED", "TIMED-OUT")
_names = itertools.count(1)


@dataclass(frozen=True)
class Try:
    """
    What happens in one try of the task.

    :param after: how it came to be: by a retry or by a Clear.
    :param deferrable: whether it waits in the triggerer.
    :param dies_at: the request at which the worker dies; never, if it sends fewer.
    :param with_effect: whether that request still arrives.
    :param trigger_dies: whether the trigger, if there is one, dies.
    """

    after: str
    deferrable: bool
    dies_at: int
    with_effect: bool
    trigger_dies: bool


@dataclass
class World:
    """
    What Apify does.

    :param store: whether Airflow has a task state store.
    :param outcomes: how the runs end, one after the other: after how many seconds, and whether well.
    :param starts: what happens to the n-th request for a start.
    :param lists: what happens to the n-th request for a list.
    :param reads: what happens to the n-th request for a run.
    """

    store: bool
    lag: int
    list_user_agent: bool
    stop_seconds: int
    outcomes: list[tuple[int, bool]]
    starts: dict[int, dict[str, Any]] = field(default_factory=dict)
    lists: dict[int, dict[str, Any]] = field(default_factory=dict)
    reads: dict[int, dict[str, Any]] = field(default_factory=dict)


class WorkerDied(BaseException):
    """Stands for SIGKILL: nothing of ours may handle it."""


def faults(*kinds: list[dict[str, Any]]) -> st.SearchStrategy[dict[int, dict[str, Any]]]:
    return st.dictionaries(st.integers(1, 8), st.sampled_from([fault for kind in kinds for fault in kind]))


worlds = st.builds(
    World,
    store=st.booleans(),
    lag=st.sampled_from([0, 10, 40]),
    list_user_agent=st.booleans(),
    stop_seconds=st.sampled_from([0, 20]),
    outcomes=st.lists(st.tuples(st.sampled_from([0, 7, 90]), st.booleans()), min_size=1, max_size=6),
    starts=faults(_NO_ANSWER, _REFUSALS, _OUTAGES),
    lists=faults(_NO_ANSWER, _OUTAGES),
    reads=faults(_NO_ANSWER, _OUTAGES),
)
tries_of_a_task = st.lists(
    st.builds(
        Try,
        after=st.sampled_from(["retry", "retry", "clear"]),
        deferrable=st.booleans(),
        dies_at=st.integers(1, 12),
        with_effect=st.booleans(),
        trigger_dies=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def build(emulator: Emulator, world: World) -> str:
    """Make the world; return the Actor's name."""
    name = f"emulator/actor-{next(_names)}"

    @emulator.actor(name)
    def actor(actor: Any) -> None:
        seconds, succeeds = world.outcomes[(actor.run.actor.total_runs - 1) % len(world.outcomes)]
        actor.sleep(seconds)
        if not succeeds:
            raise RuntimeError("failed as told")

    emulator.switches.replica_lag_seconds = world.lag
    emulator.switches.list_user_agent = world.list_user_agent
    emulator.switches.stop_seconds = world.stop_seconds
    emulator.faults.clear()
    runs = f"/v2/actors/{name.replace('/', '~')}/runs"
    for method, path, planned in (
        ("POST", runs, world.starts),
        ("GET", runs, world.lists),
        ("GET", "/v2/actor-runs/*", world.reads),
    ):
        for number, fault in planned.items():
            emulator.faults.add(Fault(method=method, path=path, calls=(number,), **fault))
    return name


def attempt(operator: RunActorOperator, context: Any, plan: Try) -> Any:
    """Do what Airflow does in a try; return what the task returns, or None if it fails."""
    client, sent = operator.hook.get_conn(), itertools.count(1)
    send = client.send

    def mortal_send(call: Call[Any]) -> Any:
        dies = next(sent) == plan.dies_at
        if dies and not plan.with_effect:
            raise WorkerDied
        answer = send(call)
        if dies:
            raise WorkerDied
        return answer

    client.send = mortal_send  # type: ignore[method-assign]
    step, arguments = operator.execute, tuple[Any, ...]()
    while True:
        try:
            return step(context, *arguments)
        except TaskDeferred as deferred:
            if plan.trigger_dies:
                return None
            step = getattr(operator, deferred.method_name)
            arguments = (asyncio.run(event_of(deferred.trigger)),)
        except (ApifyError, WorkerDied):
            return None


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds, plans=tries_of_a_task)
def test_nothing_is_paid_twice_and_green_means_success(
    fast_clock: Emulator, world: World, plans: list[Try]
) -> None:
    name = build(fast_clock, world)
    task_tries = TaskTries(store=world.store)
    context, green, cleared_at = task_tries.context, False, []

    def runs() -> list[dict[str, Any]]:
        actor = fast_clock.platform.find(fast_clock.platform.actors, name.replace("/", "~"), fast_clock.user)
        assert actor is not None
        actor_id = actor.id
        return [run for run in fast_clock.runs if run["actId"] == actor_id]

    for number, plan in enumerate(plans):
        if number and plan.after == "clear":
            context = task_tries.clear()
            cleared_at.append(len(runs()))
        elif number and green:
            break
        elif number:
            context = task_tries.retry()
        operator = RunActorOperator(
            task_id="run",
            actor_id=name,
            wait_for_completion=True,
            deferrable=plan.deferrable,
            wait_for_capacity=timedelta(minutes=10),
        )
        info = attempt(operator, context, plan)
        green = info is not None
        if green:
            (run,) = [run for run in runs() if run["id"] == info["id"]]
            assert run["status"] == "SUCCEEDED"
            assert run is not None
    for earlier, later in itertools.pairwise(enumerate(runs())):
        if later[0] not in cleared_at:
            assert earlier[1]["status"] in _FAILURES
            assert earlier[1]["finishedAt"] <= later[1]["startedAt"]
