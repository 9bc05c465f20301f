"""A run is started once, whatever happens to the worker and to the answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import (
    ApifyError,
    ApifyHttpError,
    ApifyRunFailedError,
    ApifyStartUncertainError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from airflow_provider_apify.runs.start_intent import STORE_KEY
from tests.support.connections import set_connection
from tests.support.task_context import DagRun, Store, TaskTries
from tests.support.waiting import killed, wait_until

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

STARTS = "/v2/actors/*/runs"


class WorkerDied(BaseException):
    """Stands for SIGKILL: nothing of ours may handle it."""


def run_actor(**kwargs: Any) -> RunActorOperator:
    return RunActorOperator(**{"task_id": "run", "actor_id": "emulator/worker", **kwargs})


def dying_at_the_start(
    monkeypatch: pytest.MonkeyPatch, operator: RunActorOperator, moment: str = "after the answer"
) -> None:
    """Let the worker die on the line that sends the start, before the request or after its answer."""
    client = operator.hook.get_conn()
    send = client.send

    def send_and_die(call: Call[Any]) -> Any:
        if call.method != "POST":
            return send(call)
        if moment == "after the answer":
            send(call)
        raise WorkerDied

    monkeypatch.setattr(client, "send", send_and_die)


ANSWERS = {
    "a proxy's 502": {"status": 502, "body": "<html>Bad gateway"},
    "a proxy's 403": {"status": 403, "body": "<html>Blocked"},
    "a proxy's 404": {"status": 404, "body": "<html>Not found"},
    "Apify's 408": {"status": 408, "type": "request-timeout"},
    "an unknown 409": {"status": 409, "type": "never-heard-of"},
}


@pytest.mark.parametrize("lost", ["drop-after", *ANSWERS])
@pytest.mark.parametrize("lag", [0, 10])
@pytest.mark.parametrize("in_list", [True, False])
def test_the_run_of_a_lost_answer_is_found(
    emulator: Emulator,
    task_tries: TaskTries,
    read_log: Callable[[], str],
    lost: str,
    lag: int,
    in_list: bool,
) -> None:
    emulator.switches.replica_lag_seconds = lag
    emulator.switches.list_user_agent = in_list
    if lost in ANSWERS:
        emulator.faults.add(Fault("answer-after", "POST", STARTS, (1,), **ANSWERS[lost]))  # type: ignore[arg-type]
    else:
        emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    info = run_actor().execute(task_tries.context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]
    log = read_log()
    assert "The answer to the start was lost. Looking for the run." in log
    assert f"Found the run {info['id']}, which the lost answer was about." in log


def test_the_run_of_an_answer_that_comes_too_late_is_found(
    emulator: Emulator, server: Any, stored_tries: TaskTries, monkeypatch: Any, read_log: Callable[[], str]
) -> None:
    set_connection(monkeypatch, host=server.url, password=server.token, extra={"request_timeout": 0.5})
    emulator.faults.add(Fault("alter", "POST", STARTS, (1,), latency=3))
    info = run_actor().execute(stored_tries.context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]
    assert f"Found the run {info['id']}, which the lost answer was about." in read_log()


def test_the_run_of_a_saved_task_is_found_after_a_lost_answer(
    emulator: Emulator, task_tries: TaskTries
) -> None:
    emulator.faults.add(Fault("drop-after", "POST", "/v2/actor-tasks/*/runs", (1,)))
    info = RunTaskOperator(task_id="run", actor_task_id="emulator/job").execute(task_tries.context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]


def test_foreign_runs_are_never_adopted(emulator: Emulator, hook: Any, task_tries: TaskTries) -> None:
    for _ in range(3):
        hook.start_actor_run("emulator/worker", {"seconds": 3600})
    others = TaskTries()
    others.ti.map_index = 7
    run_actor(run_input={"seconds": 3600}).execute(others.context)
    emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    info = run_actor(run_input={"seconds": 3600}).execute(task_tries.context)
    assert info["id"] == emulator.runs[-1]["id"]
    assert len(emulator.runs) == 5


def test_refusals_are_tried_again(
    emulator: Emulator, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    emulator.faults.add(Fault("answer", "POST", STARTS, (1, 2), status=429, type="rate-limit-exceeded"))
    # A proxy's own, which it has not passed on.
    emulator.faults.add(Fault("answer", "POST", STARTS, (3,), status=429, body="<html>Slow down"))
    emulator.faults.add(
        Fault("answer", "POST", STARTS, (4, 5), status=402, type="actor-memory-limit-exceeded")
    )
    info = run_actor().execute(task_tries.context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]
    log = read_log()
    assert "No capacity to start the run; trying again in" in log
    assert f"Started the run {info['id']}: {info['consoleUrl']}" in log


def test_a_start_without_effect_is_not_repeated_in_the_same_try(
    emulator: Emulator, server: Any, task_tries: TaskTries
) -> None:
    emulator.faults.add(Fault("drop-before", "POST", STARTS, (1,)))
    with pytest.raises(ApifyStartUncertainError, match="most likely none was started"):
        run_actor().execute(task_tries.context)
    assert not emulator.runs
    # A minute of looking, less and less often.
    assert 4 <= len(server.requests) <= 12
    run_actor().execute(task_tries.retry())
    assert len(emulator.runs) == 1


@pytest.mark.parametrize("moment", ["before the request", "after the answer"])
@pytest.mark.parametrize("lag", [0, 10])
def test_a_worker_that_dies_at_the_start_costs_one_run_with_its_retry(
    emulator: Emulator, task_tries: TaskTries, monkeypatch: Any, moment: str, lag: int
) -> None:
    emulator.switches.replica_lag_seconds = lag
    operator = run_actor(run_input={"seconds": 3600})
    dying_at_the_start(monkeypatch, operator, moment)
    with pytest.raises(WorkerDied):
        operator.execute(task_tries.context)
    assert len(emulator.runs) == (moment == "after the answer")
    info = run_actor(run_input={"seconds": 3600}).execute(task_tries.retry())
    assert [run["id"] for run in emulator.runs] == [info["id"]]


@pytest.mark.parametrize("lost", ["the answer", "the worker", "the worker after its note"])
def test_a_start_may_take_effect_long_after_it_was_announced(
    emulator: Emulator, task_tries: TaskTries, monkeypatch: Any, lost: str
) -> None:
    emulator.switches.replica_lag_seconds = 40
    limits: dict[str, Any] = {"status": 429, "type": "rate-limit-exceeded", "headers": {"Retry-After": "100"}}
    emulator.faults.add(Fault("answer", "POST", STARTS, (1,), **limits))
    context, operator = task_tries.context, run_actor(run_input={"seconds": 3600})
    if lost == "the answer":
        emulator.faults.add(Fault("drop-after", "POST", STARTS, (2,)))
    else:
        if lost == "the worker":
            dying_at_the_start(monkeypatch, operator)
        with suppress(WorkerDied):
            operator.execute(context)
        context, operator = task_tries.retry(), run_actor(run_input={"seconds": 3600})
    info = operator.execute(context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]


@pytest.mark.parametrize("what", ["list", "run"])
def test_an_answer_that_comes_late_says_what_was_visible_when_it_was_asked_for(
    emulator: Emulator, task_tries: TaskTries, monkeypatch: Any, what: str
) -> None:
    emulator.switches.replica_lag_seconds = 40
    operator = run_actor(run_input={"seconds": 3600})
    if what == "list":
        emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    else:
        operator.execute(task_tries.context)
        task_tries.retry()
        operator = run_actor(run_input={"seconds": 3600})
    emulator.faults.add(Fault("alter", "GET", "/v2/*", (1,), latency=0.2))  # two minutes
    info = operator.execute(task_tries.context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]


def test_a_retry_waits_on_the_run_that_goes_on(
    emulator: Emulator, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    run_actor(run_input={"seconds": 600}).execute(task_tries.context)
    info = run_actor(run_input={"seconds": 600}, wait_for_completion=True).execute(task_tries.retry())
    assert info["status"] == "SUCCEEDED"
    assert len(emulator.runs) == 1
    log = read_log()
    assert f"Going on with the run {info['id']} of an earlier try" in log
    assert f"Run {info['id']} is SUCCEEDED." in log


def test_a_408_on_a_long_poll_ends_no_wait(emulator: Emulator, task_tries: TaskTries) -> None:
    emulator.faults.add(
        Fault("answer", "GET", "/v2/actor-runs/*", (1, 2), status=408, type="request-timeout")
    )
    info = run_actor(run_input={"seconds": 60}, wait_for_completion=True).execute(task_tries.context)
    assert info["status"] == "SUCCEEDED"


def test_a_retry_finishes_from_a_run_that_succeeded_meanwhile(
    emulator: Emulator, task_tries: TaskTries
) -> None:
    run_actor(run_input={"seconds": 5}).execute(task_tries.context)
    time.sleep(60)
    info = run_actor(wait_for_completion=True).execute(task_tries.retry())
    assert info["status"] == "SUCCEEDED"
    assert len(emulator.runs) == 1


def test_a_retry_after_a_failed_run_starts_a_new_one(
    emulator: Emulator, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    operator = run_actor(run_input={"fail": True}, wait_for_completion=True)
    with pytest.raises(Exception, match="FAILED"):
        operator.execute(task_tries.context)
    assert run_actor(wait_for_completion=True).execute(task_tries.retry())["status"] == "SUCCEEDED"
    assert len(emulator.runs) == 2
    first = emulator.runs[0]["id"]
    assert f"The run {first} of an earlier try ended as FAILED; starting a new one." in read_log()


@pytest.mark.parametrize("in_list", [True, False])
def test_a_failed_run_does_not_hide_a_later_one_that_lags(emulator: Emulator, in_list: bool) -> None:
    task_tries = TaskTries(store=False)
    emulator.switches.list_user_agent = in_list
    with pytest.raises(ApifyRunFailedError):
        run_actor(run_input={"fail": True}, wait_for_completion=True).execute(task_tries.context)
    emulator.switches.replica_lag_seconds = 40
    run_actor(run_input={"seconds": 3600}).execute(task_tries.retry())
    info = run_actor(run_input={"seconds": 3600}).execute(task_tries.retry())
    assert [run["id"] for run in emulator.runs][1:] == [info["id"]]


@pytest.mark.parametrize("on_retry", ["new", "resurrect"])
def test_a_retry_does_not_go_on_with_a_run_that_is_being_aborted(
    emulator: Emulator, hook: Any, task_tries: TaskTries, read_log: Callable[[], str], on_retry: Any
) -> None:
    emulator.switches.stop_seconds = 30

    @emulator.actor("emulator/restless")
    def restless(actor: Any) -> None:
        if actor.run.counts["resurrectCount"] == 0 and len(emulator.runs) == 1:
            actor.sleep(36000)

    arguments = {"actor_id": "emulator/restless", "on_retry": on_retry}
    first = run_actor(**arguments).execute(task_tries.context)
    assert hook.abort_run(first["id"]).status == "ABORTING"
    info = run_actor(wait_for_completion=True, **arguments).execute(task_tries.retry())
    assert info["status"] == "SUCCEEDED"
    assert len(emulator.runs) == (2 if on_retry == "new" else 1)
    assert f"Waiting for the end of the run {first['id']}, which is ABORTING." in read_log()


def test_a_retry_may_resurrect_the_failed_run(
    emulator: Emulator, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    attempts = []

    @emulator.actor("emulator/flaky")
    def flaky(actor: Any) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise RuntimeError("the first time")

    arguments = {"actor_id": "emulator/flaky", "wait_for_completion": True, "on_retry": "resurrect"}
    with pytest.raises(Exception, match="FAILED"):
        run_actor(**arguments).execute(task_tries.context)
    assert run_actor(**arguments).execute(task_tries.retry())["status"] == "SUCCEEDED"
    (run,) = emulator.runs
    assert f"Resurrecting the run {run['id']}, which ended as FAILED." in read_log()


def test_a_retry_after_a_deleted_run_starts_a_new_one(
    emulator: Emulator, hook: Any, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    info = run_actor().execute(task_tries.context)
    wait_until(lambda: emulator.runs[0]["finishedAt"])
    time.sleep(120)
    wait_until(lambda: emulator.runs[0]["finishedAt"])
    hook.send(Call(method="DELETE", path=f"/v2/actor-runs/{info['id']}", read=lambda _: None))
    run_actor().execute(task_tries.retry())
    assert [run["id"] for run in emulator.runs] != [info["id"]]
    # Without a store the first try is not known to have started a run.
    assert (f"The run {info['id']} of an earlier try is gone." in read_log()) is bool(task_tries.store)


def test_a_proxy_cannot_say_that_a_run_is_gone(emulator: Emulator) -> None:
    task_tries = TaskTries()
    info = run_actor(run_input={"seconds": 36_000}).execute(task_tries.context)
    time.sleep(120)
    emulator.faults.add(Fault("answer", "GET", "/v2/actor-runs/*", (1,), status=404, body="<html>Not found"))
    assert run_actor(run_input={"seconds": 36_000}).execute(task_tries.retry())["id"] == info["id"]
    assert len(emulator.runs) == 1


def test_a_clear_starts_a_new_run(emulator: Emulator, task_tries: TaskTries) -> None:
    first = run_actor(wait_for_completion=True).execute(task_tries.context)
    second = run_actor(wait_for_completion=True).execute(task_tries.clear())
    assert [run["id"] for run in emulator.runs] == [first["id"], second["id"]]


def test_a_clear_leaves_no_run_behind(emulator: Emulator, read_log: Callable[[], str]) -> None:
    task_tries = TaskTries(store=True)
    first = run_actor(run_input={"seconds": 36000}).execute(task_tries.context)
    run_actor(run_input={"seconds": 5}, wait_for_completion=True).execute(task_tries.clear())
    assert emulator.aborts == [{"runId": first["id"], "effective": True}]
    assert len(emulator.runs) == 2
    assert f"Aborting the run {first['id']}, which was started before the task was cleared." in read_log()


@pytest.mark.parametrize("arguments", [{}, {"wait_for_completion": True, "cancel_on_kill": False}])
def test_a_clear_leaves_a_run_alone_that_is_not_the_tasks_to_end(emulator: Emulator, arguments: Any) -> None:
    task_tries = TaskTries(store=True)
    run_actor(run_input={"seconds": 36000}, **arguments | {"wait_for_completion": False}).execute(
        task_tries.context
    )
    run_actor(run_input={"seconds": 5}, **arguments).execute(task_tries.clear())
    assert not emulator.aborts
    assert len(emulator.runs) == 2


@pytest.mark.parametrize("lag", [0, 10])
def test_a_clear_aborts_a_run_whose_start_the_worker_did_not_outlive(
    emulator: Emulator, monkeypatch: Any, lag: int
) -> None:
    task_tries = TaskTries(store=True)
    operator = run_actor(run_input={"seconds": 36000})
    dying_at_the_start(monkeypatch, operator)
    with pytest.raises(WorkerDied):
        operator.execute(task_tries.context)
    emulator.switches.replica_lag_seconds = lag
    time.sleep(60)
    run_actor(run_input={"seconds": 5}, wait_for_completion=True).execute(task_tries.clear())
    assert [abort["runId"] for abort in emulator.aborts] == [emulator.runs[0]["id"]]


def test_a_clear_aborts_the_earlier_run_gracefully_if_asked(emulator: Emulator) -> None:
    task_tries = TaskTries(store=True)

    @emulator.actor("emulator/careful")
    def careful(actor: Any) -> None:
        while len(emulator.runs) == 1 and not actor.is_aborting:
            actor.sleep(1)

    arguments = {"actor_id": "emulator/careful", "abort_gracefully": True, "wait_for_completion": True}
    run_actor(**arguments | {"wait_for_completion": False}).execute(task_tries.context)
    run_actor(**arguments).execute(task_tries.clear())
    wait_until(lambda: emulator.runs[0]["finishedAt"])
    assert emulator.runs[0]["exitCode"] == 0


def test_durable_false_switches_adoption_off(emulator: Emulator, task_tries: TaskTries) -> None:
    run_actor(run_input={"seconds": 600}, durable=False).execute(task_tries.context)
    run_actor(run_input={"seconds": 600}, durable=False).execute(task_tries.retry())
    assert len(emulator.runs) == 2
    assert task_tries.store is None or not task_tries.store.values


def test_an_undecidable_search_names_the_candidates(
    emulator: Emulator, hook: Any, task_tries: TaskTries
) -> None:
    other = hook.start_actor_run("emulator/worker", {"seconds": 3600})
    emulator.faults.add(Fault("drop-before", "POST", STARTS, (1,)))
    emulator.faults.add(
        Fault("answer", "GET", f"/v2/actor-runs/{other.id}", status=404, type="record-not-found")
    )
    with pytest.raises(ApifyStartUncertainError, match=other.id) as raised:
        run_actor().execute(task_tries.context)
    assert raised.value.candidates == (other.id,)
    assert len(emulator.runs) == 1


def test_an_outage_during_the_search_fails_the_try_and_not_the_promise(
    emulator: Emulator, task_tries: TaskTries
) -> None:
    emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    outage = emulator.faults.add(Fault("answer", "GET", "*", status=503))
    with pytest.raises(ApifyStartUncertainError, match="may have been started and be going on"):
        run_actor(run_input={"seconds": 36000}).execute(task_tries.context)
    assert outage.fired
    emulator.faults.clear()
    run_actor(run_input={"seconds": 36000}).execute(task_tries.retry())
    assert len(emulator.runs) == 1


def test_the_intent_is_stored_before_the_start_and_the_run_right_after_it(emulator: Emulator) -> None:
    task_tries = TaskTries(store=True)
    assert task_tries.store is not None
    seen: list[Any] = []
    store_set = task_tries.store.set

    def spy(key: str, value: Any) -> None:
        seen.append((value["run_id"], len(emulator.runs), dict(task_tries.ti.xcoms)))
        store_set(key, value)

    task_tries.store.set = spy  # type: ignore[method-assign]
    info = run_actor(run_input={"seconds": 60}).execute(task_tries.context)
    assert seen == [(None, 0, {}), (info["id"], 1, {})]
    assert task_tries.store.get(STORE_KEY)["run_id"] == info["id"]


def test_after_a_refused_start_nothing_is_looked_for(emulator: Emulator, server: Any) -> None:
    task_tries = TaskTries(store=True)
    with pytest.raises(ApifyHttpError):
        run_actor(actor_id="emulator/nobody").execute(task_tries.context)
    run_actor().execute(task_tries.retry())
    assert [request.method for request in server.requests] == ["POST", "POST"]


def test_an_empty_store_hides_no_run_of_the_time_before_an_upgrade(emulator: Emulator) -> None:
    task_tries = TaskTries(store=False)
    info = run_actor(run_input={"seconds": 3600}).execute(task_tries.context)
    task_tries.store = Store()
    assert run_actor().execute(task_tries.retry())["id"] == info["id"]
    assert len(emulator.runs) == 1


def test_a_retry_whose_first_try_started_nothing_looks_once(
    emulator: Emulator, server: Any, stored_tries: TaskTries
) -> None:
    context = stored_tries.retry()
    time.sleep(1)
    run_actor().execute(context)
    assert len(emulator.runs) == 1
    assert [request.method for request in server.requests].count("GET") <= 2


def test_a_clear_with_fewer_retries_is_no_retry(emulator: Emulator) -> None:
    """Then `max_tries` stays the same, but the DAG run starts anew."""
    task_tries = TaskTries(store=True)
    first = run_actor().execute(task_tries.context)
    time.sleep(60)
    task_tries.dag_run = DagRun()
    second = run_actor().execute(task_tries.retry())
    assert [run["id"] for run in emulator.runs] == [first["id"], second["id"]]


def test_the_iterations_of_a_loop_do_not_find_each_others_run(
    emulator: Emulator, task_tries: TaskTries
) -> None:
    task_tries.ti.region_id, task_tries.ti.region_index = "loop", 0
    run_actor(run_input={"seconds": 3600}).execute(task_tries.context)
    task_tries.ti.region_index = 1
    emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    info = run_actor(run_input={"seconds": 3600}).execute(task_tries.context)
    assert info["id"] == emulator.runs[1]["id"]


def test_a_store_that_fails_after_the_start_loses_no_run(
    emulator: Emulator, read_log: Callable[[], str]
) -> None:
    task_tries = TaskTries(store=True)
    assert task_tries.store is not None
    store_set = task_tries.store.set

    def fail_after_the_start(key: str, value: Any) -> None:
        if emulator.runs:
            raise ConnectionError("Airflow is away")
        store_set(key, value)

    task_tries.store.set = fail_after_the_start  # type: ignore[method-assign]
    info = run_actor(run_input={"seconds": 3600}).execute(task_tries.context)
    assert info["id"] in read_log()
    assert run_actor().execute(task_tries.retry())["id"] == info["id"]
    assert len(emulator.runs) == 1


@pytest.fixture
def last_try(task_tries: TaskTries) -> TaskTries:
    """The tries of a task that is not tried again."""
    task_tries.ti.max_tries = 0
    return task_tries


def test_a_kill_during_the_start_aborts_the_run(
    emulator: Emulator, last_try: TaskTries, read_log: Callable[[], str]
) -> None:
    """While the answer is awaited."""
    emulator.faults.add(Fault("alter", "POST", STARTS, (1,), latency=0.5))
    operator = run_actor(run_input={"seconds": 36000})
    with killed(operator, once=lambda: emulator.runs):
        operator.execute(last_try.context)
    assert [abort["effective"] for abort in emulator.aborts].count(True) == 1
    run_id = emulator.runs[0]["id"]
    assert re.search(
        rf"Aborted the run {run_id} \(ABORT\w+\): https://console.apify.com/actors/runs/{run_id}", read_log()
    )


def test_a_kill_before_the_start_has_nothing_to_abort(emulator: Emulator) -> None:
    run_actor().on_kill()
    assert not emulator.aborts


@pytest.mark.parametrize("position", ["accept", "refuse"])
def test_a_kill_after_the_end_aborts_nothing(
    emulator: Emulator, last_try: TaskTries, position: Any, read_log: Callable[[], str]
) -> None:
    emulator.switches.abort_finished = position
    operator = run_actor(wait_for_completion=True)
    operator.execute(last_try.context)
    operator.on_kill()
    assert [abort["effective"] for abort in emulator.aborts] == [False]
    assert "ended as SUCCEEDED before it could be aborted" in read_log()


def test_a_kill_right_after_the_start_aborts_a_run_that_lags(emulator: Emulator, last_try: TaskTries) -> None:
    emulator.switches.replica_lag_seconds = 40
    operator = run_actor(run_input={"seconds": 36000})
    operator.execute(last_try.context)
    operator.on_kill()
    assert [abort["effective"] for abort in emulator.aborts] == [True]


def test_cancel_on_kill_false_leaves_the_run(emulator: Emulator, last_try: TaskTries) -> None:
    operator = run_actor(run_input={"seconds": 600}, cancel_on_kill=False)
    operator.execute(last_try.context)
    operator.on_kill()
    assert not emulator.aborts


def test_a_worker_that_is_shut_down_leaves_its_run_to_the_next_try(
    emulator: Emulator, task_tries: TaskTries
) -> None:
    operator = run_actor(run_input={"seconds": 36_000})
    info = operator.execute(task_tries.context)
    operator.on_kill()  # Airflow, which is not there, does not say that anybody stopped the task.
    assert not emulator.aborts
    assert run_actor().execute(task_tries.retry())["id"] == info["id"]


@pytest.mark.parametrize("after", ["retry", "clear"])
@pytest.mark.parametrize("thaws", ["before the note", "before the start", "after the answer"])
def test_a_start_that_thaws_after_a_later_try_has_started_leaves_one_run(
    emulator: Emulator, stored_tries: TaskTries, monkeypatch: Any, read_log: Any, after: str, thaws: str
) -> None:
    frozen = run_actor(run_input={"seconds": 36_000})
    infos = []

    def let_the_later_try_start() -> None:
        time.sleep(300)
        context = stored_tries.retry() if after == "retry" else stored_tries.clear()
        infos.append(run_actor(run_input={"seconds": 36_000}).execute(context))

    store, client = stored_tries.store, frozen.hook.get_conn()
    assert store is not None
    send, load = client.send, store.get

    def send_frozen(call: Call[Any]) -> Any:
        if call.method != "POST" or infos:
            return send(call)
        if thaws == "before the start":
            let_the_later_try_start()
        answer = send(call)
        if thaws == "after the answer":
            # Apify knows nothing of what this answer was about for longer than the later try looks.
            emulator.switches.replica_lag_seconds = 100_000
            let_the_later_try_start()
            emulator.switches.replica_lag_seconds = 0
        return answer

    def load_frozen(key: str, default: Any = None) -> Any:
        value = load(key, default)
        if thaws == "before the note" and not infos:
            infos.append({})
            let_the_later_try_start()
        return value

    monkeypatch.setattr(client, "send", send_frozen)
    monkeypatch.setattr(store, "get", load_frozen)
    with pytest.raises(ApifyError, match="a later one has started a run of its own"):
        frozen.execute(stored_tries.context)
    aborted = {abort["runId"] for abort in emulator.aborts if abort["effective"]}
    assert {run["id"] for run in emulator.runs} - aborted == {infos[-1]["id"]}
    assert all(f"started its own run; aborting the run {run_id}" in read_log() for run_id in aborted)
    assert store.get(STORE_KEY)["run_id"] == infos[-1]["id"]


def killed_at(monkeypatch: pytest.MonkeyPatch, operator: RunActorOperator, what: str) -> None:
    """Kill the task once, around a request, and let its code go on, as Airflow 3 does for a while."""
    client = operator.hook.get_conn()
    send, kills = client.send, iter([operator.on_kill])

    def send_and_be_killed(call: Call[Any]) -> Any:
        if what in call.path:
            next(kills, lambda: None)()
        return send(call)

    monkeypatch.setattr(client, "send", send_and_be_killed)


@pytest.mark.parametrize("on_retry", ["new", "resurrect"])
def test_after_a_kill_no_run_is_started(
    server: Any, task_tries: TaskTries, monkeypatch: Any, on_retry: Any
) -> None:
    with pytest.raises(ApifyRunFailedError):
        run_actor(run_input={"fail": True}, wait_for_completion=True).execute(task_tries.context)
    operator = run_actor(run_input={"fail": True}, on_retry=on_retry)
    killed_at(monkeypatch, operator, "/v2/")
    asked = len(server.requests)
    with pytest.raises(ApifyError, match="nothing was started"):
        operator.execute(task_tries.retry())
    posted = [request.path for request in server.requests[asked:] if request.method == "POST"]
    assert not [path for path in posted if path.endswith(("/runs", "/resurrect"))]


def test_a_kill_while_the_run_of_an_earlier_try_is_looked_for_aborts_it(
    emulator: Emulator, task_tries: TaskTries, monkeypatch: Any
) -> None:
    info = run_actor(run_input={"seconds": 36_000}).execute(task_tries.context)
    operator = run_actor(run_input={"seconds": 36_000})
    killed_at(monkeypatch, operator, "/v2/")
    with suppress(ApifyError):
        operator.execute(task_tries.retry())
    assert [abort["runId"] for abort in emulator.aborts if abort["effective"]] == [info["id"]]
    assert len(emulator.runs) == 1


def test_a_kill_while_a_run_is_being_resurrected_aborts_it(
    emulator: Emulator, task_tries: TaskTries, monkeypatch: Any
) -> None:
    @emulator.actor("emulator/second-wind")
    def second_wind(actor: Any) -> None:
        if not actor.run.counts["resurrectCount"]:
            raise RuntimeError("failed as told")
        actor.sleep(36_000)

    arguments = {"actor_id": "emulator/second-wind", "on_retry": "resurrect"}
    with pytest.raises(ApifyRunFailedError):
        run_actor(wait_for_completion=True, **arguments).execute(task_tries.context)
    operator = run_actor(**arguments)
    killed_at(monkeypatch, operator, "/resurrect")
    operator.execute(task_tries.retry())
    assert emulator.aborts[-1] == {"runId": emulator.runs[0]["id"], "effective": True}


def test_a_kill_that_finds_no_run_of_its_start_says_so(
    emulator: Emulator, last_try: TaskTries, monkeypatch: Any, read_log: Callable[[], str]
) -> None:
    emulator.faults.add(Fault("drop-before", "POST", STARTS, (1,)))
    operator = run_actor(run_input={"seconds": 36_000})
    killed_at(monkeypatch, operator, "/runs")
    with pytest.raises(ApifyStartUncertainError):
        operator.execute(last_try.context)
    assert "one may be going on all the same" in read_log()
