"""Runs that exist already: found, waited for, aborted and resurrected, over HTTP against the emulator."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_apify.api.errors import (
    ApifyApiError,
    ApifyAuthenticationError,
    ApifyConfigurationError,
    ApifyNotFoundError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.existing_run import (
    AbortRunOperator,
    GetLastRunOperator,
    ResurrectRunOperator,
)
from airflow_provider_apify.runs.abort_and_resurrect import abort_run
from airflow_provider_apify.sensors.last_run import ApifyLastRunSensor
from tests.support.task_context import TaskTries
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server")

HOUR = 3600.0


@pytest.fixture
def done(hook: ApifyHook) -> Any:
    """Run the Actor to its end and return the run's ID."""

    def run(**order: Any) -> str:
        run_id = hook.start_actor_run("emulator/worker", order).id
        wait_until(lambda: hook.get_run(run_id).is_finished)
        return run_id

    return run


def test_the_last_run_is_the_last_successful_one(done: Any, hook: ApifyHook, stored_tries: TaskTries) -> None:
    good = done()
    bad = done(fail=True)
    running = hook.start_actor_run("emulator/worker", {"seconds": 60}).id

    def last(**kwargs: Any) -> Any:
        return GetLastRunOperator(task_id="last", **kwargs).execute(stored_tries.context)["id"]

    assert last(actor_id="emulator/worker") == good
    assert last(actor_id="emulator/worker", status="FAILED") == bad
    assert last(actor_id="emulator/worker", status=None) == running
    assert last(actor_id="emulator/worker", origin="API") == good
    assert good in stored_tries.ti.xcoms["_link_ApifyConsoleLink"]
    with pytest.raises(ApifyNotFoundError):
        last(actor_task_id="emulator/job")


@pytest.mark.usefixtures("fast_clock")
def test_a_run_that_apify_does_not_know_is_looked_for_less_and_less_often(
    hook: ApifyHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = time.sleep

    def sleep_and_note(seconds: float) -> None:
        pauses.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", sleep_and_note)
    with pytest.raises(ApifyNotFoundError):
        hook.drive(abort_run("unknown", unknown_for=60))
    assert pauses[0] <= 1
    assert pauses[-1] >= 8


@pytest.mark.parametrize("names", [{}, {"actor_id": "emulator/worker", "actor_task_id": "emulator/job"}])
def test_exactly_one_of_actor_and_task_has_to_be_named(stored_tries: TaskTries, names: Any) -> None:
    for operator in (
        GetLastRunOperator(task_id="last", **names),
        ApifyLastRunSensor(task_id="last", max_age=timedelta(hours=1), mode="poke", **names),
    ):
        with pytest.raises(ApifyConfigurationError, match="either `actor_id` or `actor_task_id`"):
            operator.execute(stored_tries.context)


@pytest.mark.parametrize("finished", ["accept", "refuse"])
def test_aborts_a_run_and_leaves_one_that_is_over(
    emulator: Emulator, done: Any, hook: ApifyHook, stored_tries: TaskTries, finished: Any
) -> None:
    emulator.switches.abort_finished = finished

    def abort(run_id: str) -> Any:
        return AbortRunOperator(task_id="abort", run_id=run_id).execute(stored_tries.context)["status"]

    running = hook.start_actor_run("emulator/worker", {"seconds": 60}).id
    assert abort(running) in ("ABORTING", "ABORTED")
    assert abort(done()) == "SUCCEEDED"
    with pytest.raises(ApifyNotFoundError, match="Check the ID"):
        abort("0123456789abcdefg")


def test_aborts_a_run_gracefully(emulator: Emulator, hook: ApifyHook, stored_tries: TaskTries) -> None:
    run_id = hook.start_actor_run("emulator/worker", {"seconds": 60}).id
    AbortRunOperator(task_id="abort", run_id=run_id, abort_gracefully=True).execute(stored_tries.context)
    (abort,) = [seen for seen in emulator.requests if seen.path.endswith("/abort")]
    assert abort.query == {"gracefully": "true"}


def test_resurrects_with_other_options(emulator: Emulator, done: Any, stored_tries: TaskTries) -> None:
    run_id = done(fail=True)
    operator = ResurrectRunOperator(
        task_id="again", run_id=run_id, memory_mbytes="2048", run_timeout=timedelta(minutes=5)
    )
    info = operator.execute(stored_tries.context)
    assert (info["id"], len(emulator.runs)) == (run_id, 1)
    options = emulator.runs[0]["options"]
    assert (options["memoryMbytes"], options["timeoutSecs"]) == (2048, 300)


def test_a_resurrection_whose_answer_was_lost_succeeds(
    emulator: Emulator, done: Any, hook: ApifyHook, stored_tries: TaskTries
) -> None:
    run_id = done(seconds=0.5, fail=True)
    emulator.faults.add(Fault("drop-after", "POST", "/v2/actor-runs/*/resurrect", (1,)))
    assert again(run_id).execute(stored_tries.context)["status"] in ("READY", "RUNNING")
    assert again(run_id).execute(stored_tries.retry())["status"] in ("READY", "RUNNING", "FAILED")
    assert emulator.runs[0]["stats"]["resurrectCount"] == 1


class WorkerDied(BaseException):
    """Stands for SIGKILL: nothing of ours may handle it."""


def dying(operator: Any, monkeypatch: pytest.MonkeyPatch, *, sent: bool) -> Any:
    """Let the worker die on the line that resurrects, before the request or after its answer."""
    client = operator.hook.get_conn()
    send = client.send

    def send_and_die(call: Any) -> Any:
        if call.method != "POST":
            return send(call)
        if sent:
            send(call)
        raise WorkerDied

    monkeypatch.setattr(client, "send", send_and_die)
    return operator


def resurrections(emulator: Emulator) -> int:
    """Return how often the only run was resurrected, at its end."""
    wait_until(lambda: emulator.runs[0]["finishedAt"])
    return int(emulator.runs[0]["stats"]["resurrectCount"])


def again(run_id: str) -> ResurrectRunOperator:
    return ResurrectRunOperator(task_id="again", run_id=run_id, retries=1)


def test_a_retry_leaves_what_an_earlier_try_resurrected_and_a_clear_does_not(
    emulator: Emulator, done: Any, task_tries: TaskTries, monkeypatch: Any, read_log: Any
) -> None:
    run_id = done(fail=True)
    with pytest.raises(WorkerDied):
        dying(again(run_id), monkeypatch, sent=True).execute(task_tries.context)
    assert resurrections(emulator) == 1
    assert again(run_id).execute(task_tries.retry())["status"] == "FAILED"
    assert resurrections(emulator) == 1
    assert "clear this task" in read_log()
    for number in (2, 3):
        again(run_id).execute(task_tries.clear())
        assert resurrections(emulator) == number
    again(run_id).execute(task_tries.retry())
    assert resurrections(emulator) == 3


def test_a_retry_resurrects_what_an_earlier_try_did_not(
    emulator: Emulator, done: Any, task_tries: TaskTries, monkeypatch: Any
) -> None:
    run_id = done(fail=True)
    with pytest.raises(WorkerDied):
        dying(again(run_id), monkeypatch, sent=False).execute(task_tries.context)
    again(run_id).execute(task_tries.retry())
    assert resurrections(emulator) == 1


def test_with_a_store_a_resurrection_by_others_is_told_from_the_tasks_own(
    emulator: Emulator, done: Any, hook: ApifyHook, task_tries: TaskTries, monkeypatch: Any
) -> None:
    run_id = done(fail=True)
    hook.resurrect_run(run_id)
    assert resurrections(emulator) == 1
    with pytest.raises(WorkerDied):
        dying(again(run_id), monkeypatch, sent=False).execute(task_tries.context)
    again(run_id).execute(task_tries.retry())
    assert resurrections(emulator) == (2 if task_tries.store else 1)


def test_a_retry_resurrects_nothing_that_does_not_tell_how_often_it_was(
    emulator: Emulator, done: Any, task_tries: TaskTries
) -> None:
    emulator.switches.unknown_fields = {"stats": []}
    run_id = done(fail=True)
    again(run_id).execute(task_tries.context)
    wait_until(lambda: emulator.runs[0]["finishedAt"])
    again(run_id).execute(task_tries.retry())
    emulator.switches.unknown_fields = {}
    assert resurrections(emulator) == 1


def test_a_resurrection_that_apify_refuses_is_an_error(done: Any, stored_tries: TaskTries) -> None:
    with pytest.raises(ApifyApiError, match="build"):
        ResurrectRunOperator(task_id="again", run_id=done(), build="no-such").execute(stored_tries.context)


def sensor(**kwargs: Any) -> ApifyLastRunSensor:
    arguments: dict[str, Any] = {
        "task_id": "wait",
        "actor_id": "emulator/worker",
        "max_age": timedelta(hours=1),
    } | kwargs
    return ApifyLastRunSensor(**arguments)


def test_waiting_for_a_recent_success_holds_no_worker_by_default() -> None:
    assert sensor().mode == "reschedule"
    assert sensor(mode="poke").mode == "poke"


def test_a_recent_success_is_there_at_once(done: Any, stored_tries: TaskTries) -> None:
    run_id = done()
    info = sensor(mode="poke").execute(stored_tries.context)
    assert (info["id"], info["status"]) == (run_id, "SUCCEEDED")
    assert info["defaultDatasetId"]
    assert run_id in stored_tries.ti.xcoms["_link_ApifyConsoleLink"]


@pytest.mark.parametrize("names", [{}, {"actor_id": None, "actor_task_id": "emulator/job"}])
def test_an_old_success_and_a_failure_do_not_count(
    fast_clock: Emulator, done: Any, hook: ApifyHook, stored_tries: TaskTries, names: Any
) -> None:
    done()
    hook.start_task_run("emulator/job")
    wait_until(lambda: all(run["finishedAt"] for run in fast_clock.runs))
    fast_clock.clock.advance(2 * HOUR)
    done(fail=True)
    waiting = sensor(**names)
    assert not waiting.poke(stored_tries.context).is_done
    new = hook.start_task_run("emulator/job") if names else hook.start_actor_run("emulator/worker")
    wait_until(lambda: hook.get_run(new.id).finished_at)
    assert (waiting.poke(stored_tries.context).xcom_value or {})["id"] == new.id


def test_an_outage_is_waited_out(fast_clock: Emulator, done: Any, stored_tries: TaskTries) -> None:
    fast_clock.faults.add(Fault("answer", "GET", "/v2/actors/*/runs", status=503))
    waiting = sensor()
    assert not waiting.poke(stored_tries.context).is_done
    fast_clock.faults.clear()
    run_id = done()
    assert (waiting.poke(stored_tries.context).xcom_value or {})["id"] == run_id


def test_a_wrong_token_ends_the_wait(fast_clock: Emulator, stored_tries: TaskTries) -> None:
    fast_clock.faults.add(Fault("answer", "GET", "/v2/actors/*/runs", status=401, type="invalid-token"))
    with pytest.raises(ApifyAuthenticationError, match="valid API token"):
        sensor().poke(stored_tries.context)


def test_a_misspelt_actor_is_an_error_at_once(stored_tries: TaskTries) -> None:
    with pytest.raises(ApifyNotFoundError, match="Check the ID"):
        sensor(actor_id="emulator/wroker").poke(stored_tries.context)


def test_an_earlier_start_with_a_later_end_counts(
    fast_clock: Emulator, hook: ApifyHook, stored_tries: TaskTries
) -> None:
    long = hook.start_actor_run("emulator/worker", {"seconds": 4 * HOUR}).id
    short = hook.start_actor_run("emulator/worker").id
    wait_until(lambda: hook.get_run(short).finished_at)
    fast_clock.clock.advance(4 * HOUR)
    wait_until(lambda: all(run["finishedAt"] for run in fast_clock.runs))
    assert (sensor().poke(stored_tries.context).xcom_value or {})["id"] == long
