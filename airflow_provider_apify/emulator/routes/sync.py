"""Runs that are waited for in the request that starts them."""

from __future__ import annotations

from airflow_provider_apify.emulator.accounts import Actor, Task
from airflow_provider_apify.emulator.call import Answer, Call
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.routes.actors import ACTOR
from airflow_provider_apify.emulator.routes.datasets import items_answer
from airflow_provider_apify.emulator.routes.starts import start, wait_until_finished
from airflow_provider_apify.emulator.routes.tasks import TASK
from airflow_provider_apify.emulator.runs import Run

MAX_SECONDS = 300


@ACTOR.on("GET", "/run-sync")
@ACTOR.on("POST", "/run-sync")
async def run_actor(call: Call, actor: Actor) -> Answer:
    """Run an Actor and answer with its output record."""
    return _output(call, await _finished(call, actor))


@ACTOR.on("GET", "/run-sync-get-dataset-items")
@ACTOR.on("POST", "/run-sync-get-dataset-items")
async def run_actor_for_items(call: Call, actor: Actor) -> Answer:
    """Run an Actor and answer with the items of its dataset."""
    return await items_answer(call, (await _finished(call, actor)).dataset, 201)


@TASK.on("GET", "/run-sync")
@TASK.on("POST", "/run-sync")
async def run_task(call: Call, task: Task) -> Answer:
    """Run a task and answer with its output record."""
    return _output(call, await _finished(call, task.actor, task))


@TASK.on("GET", "/run-sync-get-dataset-items")
@TASK.on("POST", "/run-sync-get-dataset-items")
async def run_task_for_items(call: Call, task: Task) -> Answer:
    """Run a task and answer with the items of its dataset."""
    return await items_answer(call, (await _finished(call, task.actor, task)).dataset, 201)


async def _finished(call: Call, actor: Actor, task: Task | None = None) -> Run:
    run = await start(call, actor, task)
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


def _output(call: Call, run: Run) -> Answer:
    record = run.store.records.get(call.text("outputRecordKey", "OUTPUT") or "OUTPUT")
    return Answer(201, record.value, record.content_type) if record else Answer(201)
