"""
Whatever happens, in whatever order, the first promise holds.

No run is paid twice, none is aborted that nobody stopped, none that somebody stopped goes on without a word,
and no task is green without a success.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
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
    {"action": "answer-after", "status": 408, "type": "request-timeout"},
    {"action": "answer", "status": 408, "type": "request-timeout"},
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
    :param told_first: whether the task is told to stop at that request, as on a kill or a shutdown.
    :param survives: whether its code goes on after that, as on Airflow 3 for a while.
    :param freezes: whether the worker does not die then but freezes, and thaws after all later tries; with a
        store only, as without one nothing tells a start that thaws that it comes too late.
    :param trigger_dies: whether the trigger, if there is one, dies.
    """

    after: str
    deferrable: bool
    dies_at: int
    with_effect: bool
    told_first: bool
    survives: bool
    freezes: bool
    trigger_dies: bool


@dataclass
class World:
    """
    What Apify does.

    :param store: whether Airflow has a task state store.
    :param clock_ahead: by how many seconds the clock of the workers is ahead of Apify's.
    :param user_agent: what a proxy makes of the User-Agent of a start; None leaves it, and so does a world
        without a store, where nothing would be left to find a run by.
    :param outcomes: how the runs end, one after the other: after how many seconds, and whether well.
    :param starts: what happens to the n-th request for a start.
    :param lists: what happens to the n-th request for a list.
    :param reads: what happens to the n-th request for a run.
    """

    store: bool
    lag: int
    list_user_agent: bool
    stop_seconds: int
    clock_ahead: int
    user_agent: str | None
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
    clock_ahead=st.sampled_from([0, 0, 1200, -1200]),
    user_agent=st.sampled_from([None, None, None, "Gatekeeper/7"]),
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
        told_first=st.booleans(),
        survives=st.booleans(),
        freezes=st.booleans(),
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
    if world.user_agent is not None and world.store:
        headers = {"User-Agent": world.user_agent}
        emulator.faults.add(Fault(method="POST", path=runs, request_headers=headers))
    for method, path, planned in (
        ("POST", runs, world.starts),
        ("GET", runs, world.lists),
        ("GET", "/v2/actor-runs/*", world.reads),
    ):
        for number, fault in planned.items():
            emulator.faults.add(Fault(method=method, path=path, calls=(number,), **fault))
    return name


class CountingOperator(RunActorOperator):
    """Counts how often it is told to stop."""

    kills = 0

    def on_kill(self) -> None:
        """Count, and do as told."""
        self.kills += 1
        super().on_kill()


class History:
    """The tries of a task instance in a world, and what can be said of them."""

    def __init__(self, emulator: Emulator, world: World, plans: list[Try]) -> None:
        self.emulator, self.world = emulator, world
        self.actor_name = build(emulator, world)
        self._aborts_before = len(emulator.aborts)
        self._tries = TaskTries(store=world.store)
        self._plans = enumerate(plans)
        #: What the failed tries said.
        self.told: list[str] = []
        #: How many runs there were at each Clear.
        self.cleared_at: list[int] = []
        #: What tries that had been frozen started after the others.
        self.late_runs: set[str] = set()
        self.is_green = False
        #: Whether somebody stopped the task for good, and its code went on.
        self.is_stopped = self.goes_on_after_stop = False

    def play(self) -> None:
        """Let the tries follow each other; those after a try that freezes happen before it thaws."""
        for number, plan in self._plans:
            if number and plan.after == "clear":
                self._tries.clear()
                self.cleared_at.append(len(self.runs))
                self.is_green = self.is_stopped = False
            elif self.is_green or self.is_stopped:
                return
            elif number:
                self._tries.retry()
            self._attempt(plan)

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The runs that were started, the oldest first."""
        platform = self.emulator.platform
        actor = platform.find(platform.actors, self.actor_name.replace("/", "~"), self.emulator.user)
        assert actor is not None
        return [run for run in self.emulator.runs if run["actId"] == actor.id]

    @property
    def aborted(self) -> set[str]:
        """The runs that were aborted while they were going on."""
        return {abort["runId"] for abort in self.emulator.aborts[self._aborts_before :] if abort["effective"]}

    def _attempt(self, plan: Try) -> None:
        """Do what Airflow does in a try."""
        operator = CountingOperator(
            task_id="run",
            actor_id=self.actor_name,
            wait_for_completion=True,
            deferrable=plan.deferrable,
            wait_for_capacity=timedelta(minutes=10),
        )
        context = self._tries.context
        client, sent = operator.hook.get_conn(), itertools.count(1)
        send = client.send
        known: set[str] | None = None

        def mortal_send(call: Call[Any]) -> Any:
            nonlocal known
            if next(sent) != plan.dies_at:
                return send(call)
            if plan.freezes and self.world.store:
                # Airflow waits so long for a heartbeat.
                time.sleep(300)
                before = self._tries.ti
                self.play()
                # Without another try, nobody has gone on without this one.
                if self._tries.ti is not before:
                    known = {run["id"] for run in self.runs}
            if plan.told_first:
                operator.on_kill()
            if plan.survives if plan.told_first else known is not None:
                return send(call)
            if plan.with_effect:
                send(call)
            raise WorkerDied

        client.send = mortal_send  # type: ignore[method-assign]
        info = self._executed(operator, context, plan)
        if known is not None:
            # Airflow has gone on without this try.
            self.late_runs |= {run["id"] for run in self.runs} - known
            return
        # Airflow, which is not there, does not say that anybody stopped the task: only the last try ends.
        self.is_stopped = operator.kills > 0 and self._tries.ti.try_number > self._tries.ti.max_tries
        self.goes_on_after_stop = self.is_stopped and plan.survives
        self.is_green = info is not None
        if info is not None:
            (run,) = [run for run in self.runs if run["id"] == info["id"]]
            assert run["status"] == "SUCCEEDED"

    def _executed(self, operator: RunActorOperator, context: Any, plan: Try) -> Any:
        """Return what the task returns, or None if it fails."""
        step, arguments = operator.execute, tuple[Any, ...]()
        while True:
            try:
                return step(context, *arguments)
            except TaskDeferred as deferred:
                if plan.trigger_dies:
                    return None
                step = getattr(operator, deferred.method_name)
                arguments = (asyncio.run(event_of(deferred.trigger)),)
            except (ApifyError, WorkerDied) as error:
                self.told.append(str(error))
                return None


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("HISTORIES", "2000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(world=worlds, plans=tries_of_a_task)
def test_the_first_promise_holds_in_every_history(
    fast_clock: Emulator,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    world: World,
    plans: list[Try],
) -> None:
    caplog.set_level("INFO")
    # What other histories logged says nothing of this one.
    capsys.readouterr()
    caplog.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: fast_clock.clock.time() + world.clock_ahead)
        history = History(fast_clock, world, plans)
        history.play()
    said = "".join([*capsys.readouterr(), caplog.text, *history.told])
    in_doubt = re.search("may be going on|one was started|one may have been started|all the same", said)
    runs = [run for run in history.runs if run["id"] not in history.late_runs]
    for earlier, later in itertools.pairwise(enumerate(runs)):
        if later[0] not in history.cleared_at:
            assert earlier[1]["status"] in _FAILURES
            assert earlier[1]["finishedAt"] <= later[1]["startedAt"]
    for run in history.runs:
        if run["id"] in history.late_runs:
            assert run["finishedAt"] or run["id"] in history.aborted or in_doubt
    assert not history.aborted - history.late_runs or history.is_stopped or history.cleared_at
    if history.goes_on_after_stop and runs and not runs[-1]["finishedAt"]:
        assert runs[-1]["id"] in history.aborted or in_doubt
