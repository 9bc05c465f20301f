"""`@task.apify_actor` and `@task.apify_task`, over HTTP against the emulator."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred, task

from airflow_provider_apify.emulator import Emulator, Fault
from tests.support.task_context import TaskTries

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


def given_to(emulator: Emulator, run_id: str) -> Any:
    return emulator.platform.runs[run_id].store.records["INPUT"].value.decode()


@pytest.fixture
def dag() -> Any:
    with DAG("dag", schedule=None) as dag:
        yield dag


def test_the_function_makes_the_input_and_the_task_returns_the_run(
    emulator: Emulator, dag: Any, task_tries: TaskTries
) -> None:
    @task.apify_actor(actor_id="emulator/worker", wait_for_completion=True)
    def crawl(items: int, ds: str | None = None) -> dict[str, Any]:
        return {"items": items, "day": ds}

    run: Any = crawl(4)
    operator = dag.get_task("crawl")
    assert operator.custom_operator_name == "@task.apify_actor"
    assert run["defaultDatasetId"].key == "defaultDatasetId"
    info = operator.execute({**task_tries.context, "ds": "2026-11-23"})
    assert info["status"] == "SUCCEEDED"
    assert given_to(emulator, info["id"]) == '{"items": 4, "day": "2026-11-23"}'


def test_the_function_makes_the_input_of_a_saved_task(
    emulator: Emulator, dag: Any, task_tries: TaskTries
) -> None:
    @task.apify_task(actor_task_id="emulator/job")
    def crawl() -> dict[str, Any]:
        return {"items": 7}

    crawl()
    info = dag.get_task("crawl").execute(task_tries.context)
    assert info["actorTaskId"]
    assert '"items": 7' in given_to(emulator, info["id"])


def test_the_functions_result_is_not_rendered(emulator: Emulator, dag: Any, task_tries: TaskTries) -> None:
    @task.apify_actor(actor_id="emulator/worker")
    def crawl() -> Any:
        return {"pageFunction": "{{ not ours }}"}

    crawl()
    info = dag.get_task("crawl").execute(task_tries.context)
    assert "{{ not ours }}" in given_to(emulator, info["id"])


def test_the_input_is_made_again_after_a_wait_for_capacity(
    fast_clock: Emulator, dag: Any, task_tries: TaskTries
) -> None:
    fast_clock.faults.add(
        Fault("answer", "POST", "/v2/actors/*/runs", (1,), status=402, type="concurrent-runs-limit-exceeded")
    )

    @task.apify_actor(actor_id="emulator/worker", wait_for_completion=True, deferrable=True)
    def crawl() -> Any:
        return {"items": 5}

    crawl()
    operator = dag.get_task("crawl")
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(task_tries.context)
    operator.run_input = None
    info = getattr(operator, deferred.value.method_name)(task_tries.context, deferred.value.trigger.event)
    assert '"items": 5' in given_to(fast_clock, info["id"])


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_function_is_called_once_in_a_try_and_cannot_lose_the_run_of_an_earlier_one(
    fast_clock: Emulator, dag: Any, task_tries: TaskTries, read_log: Any, deferrable: bool
) -> None:
    queue = [{"seconds": 36000 if deferrable else 1}]
    calls = []

    @task.apify_actor(actor_id="emulator/worker", wait_for_completion=True, deferrable=deferrable)
    def crawl() -> Any:
        calls.append(1)
        return queue.pop()

    crawl()
    operator = dag.get_task("crawl")
    if deferrable:
        with pytest.raises(TaskDeferred):
            operator.execute(task_tries.context)
    else:
        operator.execute(task_tries.context)
    assert len(calls) == 1
    with pytest.raises(TaskDeferred) if deferrable else nullcontext():
        operator.execute(task_tries.retry())
    assert (len(calls), len(fast_clock.runs)) == (2, 1)
    assert "what masks secrets in this log" in read_log()


def test_a_decorated_task_can_be_mapped_and_overridden(dag: Any) -> None:
    @task.apify_actor(actor_id="emulator/worker")
    def crawl(url: str, depth: int) -> Any:
        return {"url": url, "depth": depth}

    crawl.override(task_id="once", actor_id="emulator/other")("u", 1)
    crawl.partial(depth=2).expand(url=["a", "b"])
    assert dag.get_task("once").actor_id == "emulator/other"
    mapped = dag.get_task("crawl")
    assert mapped.partial_kwargs["actor_id"] == "emulator/worker"
