"""A run is found, or the doubt is named, in worlds that hide it: other clocks, proxies, thousands of runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.errors import ApifyStartUncertainError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from airflow_provider_apify.runs import find_by_fingerprint
from airflow_provider_apify.runs.find_by_fingerprint import RunSearch
from airflow_provider_apify.runs.start_intent import Fingerprint
from tests.support.task_context import TaskTries

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

STARTS = "/v2/actors/*/runs"
LONG = {"seconds": 36_000}


def run_actor(**kwargs: Any) -> RunActorOperator:
    return RunActorOperator(**{"task_id": "run", "actor_id": "emulator/worker", "run_input": LONG, **kwargs})


@pytest.mark.parametrize("minutes", [-120, -10, 10, 120])
@pytest.mark.parametrize("list_user_agent", [True, False])
def test_a_clock_that_is_wrong_hides_no_run(
    emulator: Emulator, task_tries: TaskTries, monkeypatch: Any, minutes: int, list_user_agent: bool
) -> None:
    emulator.switches.list_user_agent = list_user_agent
    monkeypatch.setattr(time, "time", lambda: emulator.clock.time() + minutes * 60)
    emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    info = run_actor().execute(task_tries.context)
    assert [run["id"] for run in emulator.runs] == [info["id"]]


def test_a_proxy_that_changes_the_user_agent_is_named(
    emulator: Emulator, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    emulator.faults.add(Fault(method="POST", path=STARTS, request_headers={"User-Agent": "Gatekeeper/7"}))
    info = run_actor().execute(task_tries.context)
    assert f"{info['id']} did not reach Apify with its User-Agent but with 'Gatekeeper/7'" in read_log()


def test_nothing_is_named_where_the_user_agent_arrives(
    emulator: Emulator, task_tries: TaskTries, read_log: Callable[[], str]
) -> None:
    run_actor().execute(task_tries.context)
    assert "User-Agent" not in read_log()


@pytest.mark.parametrize("user_agent", ["Gatekeeper/7", "airflow-task-instance/0123", ""])
@pytest.mark.parametrize("list_user_agent", [True, False])
@pytest.mark.parametrize("saved_task", [True, False])
def test_a_lost_answer_behind_such_a_proxy_starts_no_second_run(
    emulator: Emulator, user_agent: str, list_user_agent: bool, saved_task: bool
) -> None:
    emulator.switches.list_user_agent = list_user_agent
    task_tries = TaskTries()
    headers = {"User-Agent": user_agent}
    emulator.faults.add(Fault("drop-after", "POST", "*/runs", (1,), request_headers=headers))
    operator: Any = run_actor()
    if saved_task:
        operator = RunTaskOperator(task_id="run", actor_task_id="emulator/job", run_input=LONG)
    with pytest.raises(ApifyStartUncertainError) as first:
        operator.execute(task_tries.context)
    (run,) = emulator.runs
    assert first.value.candidates == (run["id"],)
    with pytest.raises(ApifyStartUncertainError):
        operator.execute(task_tries.retry())
    assert len(emulator.runs) == 1


def test_a_run_of_another_input_leaves_no_doubt(emulator: Emulator, hook: Any) -> None:
    hook.start_actor_run("emulator/worker", {"seconds": 35_000})
    emulator.faults.add(Fault("drop-before", "POST", STARTS, (1,)))
    with pytest.raises(ApifyStartUncertainError, match="most likely none was started"):
        run_actor().execute(TaskTries().context)


def test_behind_such_a_proxy_any_run_without_input_may_be_that_of_a_start_without_input(
    emulator: Emulator, hook: Any
) -> None:
    other = hook.start_actor_run("emulator/worker", {"seconds": 35_000})
    emulator.faults.add(Fault("drop-before", "POST", STARTS, (1,)))
    with pytest.raises(ApifyStartUncertainError) as raised:
        RunActorOperator(task_id="run", actor_id="emulator/worker").execute(TaskTries().context)
    assert raised.value.candidates == (other.id,)


def test_a_run_whose_input_is_gone_leaves_no_doubt(emulator: Emulator, hook: Any) -> None:
    other = hook.start_actor_run("emulator/worker", LONG)
    record = f"/v2/key-value-stores/{other.info['defaultKeyValueStoreId']}/records/INPUT"
    emulator.faults.add(Fault("answer", "GET", record, status=404, type="record-not-found"))
    emulator.faults.add(Fault("drop-before", "POST", STARTS, (1,)))
    with pytest.raises(ApifyStartUncertainError, match="most likely none was started"):
        run_actor().execute(TaskTries().context)


def test_a_look_asks_for_so_many_runs_one_by_one_and_the_next_look_goes_on(
    emulator: Emulator, hook: Any, server: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("airflow_provider_apify.runs.find_by_fingerprint._MAX_CANDIDATES", 3)
    for _ in range(7):
        hook.start_actor_run("emulator/worker", {"items": 0})
    target = Target.actor("emulator/worker")
    since = datetime.fromtimestamp(emulator.clock.time() - 3600, UTC)
    search = RunSearch(target, lambda: b'{"seconds": 36000}', Fingerprint("0" * 20, 1), since, announced=True)
    left, asked = [], []
    for _ in range(3):
        before = len(server.requests)
        found, doubtful = search.look(hook.send)
        assert found is None
        left.append(doubtful)
        asked.append(len([one for one in server.requests[before:] if "/actor-runs/" in one.path]))
    assert left == [["and more than 3 others"]] * 2 + [[]]
    assert asked == [3, 3, 1]


@pytest.mark.parametrize("foreign", ["saved task", "hours before"])
def test_runs_that_cannot_be_ours_are_not_asked_for(
    emulator: Emulator, hook: Any, server: Any, foreign: str
) -> None:
    if foreign == "saved task":
        other = hook.start_task_run("emulator/job", {"items": 0})
    else:
        other = hook.start_actor_run("emulator/worker")
        time.sleep(7200)
    emulator.faults.add(Fault("drop-after", "POST", STARTS, (1,)))
    info = run_actor().execute(TaskTries().context)
    asked = {request.path.rpartition("/")[2] for request in server.requests if request.method == "GET"}
    assert info["id"] in asked
    assert other.id not in asked


def test_a_run_is_found_on_any_page_of_the_list(
    emulator: Emulator, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_tries = TaskTries(store=False)
    info = run_actor().execute(task_tries.context)
    for _ in range(5):
        hook.start_task_run("emulator/job", {"items": 0})
    monkeypatch.setattr(find_by_fingerprint, "MAX_LIST_LIMIT", 3)
    emulator.faults.add(Fault("alter", "GET", "/v2/actors/*/runs", query={"limit": "3"}))
    assert run_actor().execute(task_tries.retry())["id"] == info["id"]


@pytest.mark.slow
def test_thousands_of_other_runs_hide_no_run_and_cost_few_requests(
    emulator: Emulator, hook: Any, server: Any
) -> None:
    task_tries = TaskTries(store=False)
    info = run_actor().execute(task_tries.context)
    for _ in range(2100):
        hook.start_task_run("emulator/job", {"items": 0})
    before = len(server.requests)
    assert run_actor().execute(task_tries.retry())["id"] == info["id"]
    assert len(server.requests) - before < 10
