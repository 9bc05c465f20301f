"""Runs that are waited for in the request that starts them."""

from __future__ import annotations

from airflow_provider_apify.emulator.accounts import Actor, Task
from airflow_provider_apify.emulator.call import Answer, Call
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.routes.access import actor_of, task_of
from airflow_provider_apify.emulator.routes.datasets import items_answer
from airflow_provider_apify.emulator.routes.starts import start, wait_until_finished
from airflow_provider_apify.emulator.routing import Family, Router
from airflow_provider_apify.emulator.runs import Run

MAX_SECONDS = 300
# What is to be run: an Actor, perhaps as a task says.
Source = tuple[Actor, Task | None]
SOURCE: Family[Source] = Family()


def register(router: Router) -> None:
    """Add the operations of Actors and of tasks."""
    SOURCE.mount(router, "/v2/actors/{actorId}", lambda call: (actor_of(call), None))
    SOURCE.mount(router, "/v2/actor-tasks/{actorTaskId}", _task_source)


@SOURCE.on("GET", "/run-sync")
@SOURCE.on("POST", "/run-sync")
async def run_for_output(call: Call, source: Source) -> Answer:
    """Run it and answer with the output record; empty when there is none."""
    run = await _finished(call, source)
    record = run.store.records.get(call.text("outputRecordKey", "OUTPUT") or "")
    return Answer(201, record.value, record.content_type) if record else Answer(201)


@SOURCE.on("GET", "/run-sync-get-dataset-items")
@SOURCE.on("POST", "/run-sync-get-dataset-items")
async def run_for_items(call: Call, source: Source) -> Answer:
    """Run it and answer with the items of its dataset."""
    run = await _finished(call, source)
    return await items_answer(call, run.dataset, 201)


def _task_source(call: Call) -> Source:
    task = task_of(call)
    return task.actor, task


async def _finished(call: Call, source: Source) -> Run:
    run = await start(call, *source)
    run.launch()
    await wait_until_finished(run, MAX_SECONDS)
    if not run.is_finished:
        # The run goes on: nobody aborts it, and the answer does not name it.
        raise ApiError(
            408,
            "run-timeout-exceeded",
            f"Actor run exceeded the timeout of {MAX_SECONDS} seconds for this API endpoint",
        )
    if run.status != "SUCCEEDED":
        message = f"Actor run did not succeed (run ID: {run.id}, status: {run.status})."
        raise ApiError(400, "run-failed", message)
    return run
