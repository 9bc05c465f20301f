"""``run-sync`` and ``run-sync-get-dataset-items``: a run in one request, of 300 seconds at most."""

from __future__ import annotations

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.run_life_cycle import Run
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.routes.dataset_endpoints import items_response
from airflow_provider_apify.emulator.routes.resource_access import actor_of, task_of
from airflow_provider_apify.emulator.routes.run_start import make_run
from airflow_provider_apify.emulator.routes.wait_for_finish import wait_until_finished
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response
from airflow_provider_apify.emulator.server.routing import Operations

MAX_SECONDS = 300
Source = tuple[Actor, Task | None]
SOURCE: Operations[Source] = Operations()


def source_of_actor(call: Call) -> Source:
    """Find the Actor of ``{actorId}``."""
    return actor_of(call), None


def source_of_task(call: Call) -> Source:
    """Find the task of ``{actorTaskId}`` and its Actor."""
    task = task_of(call)
    return task.actor, task


@SOURCE.on("GET", "/run-sync")
@SOURCE.on("POST", "/run-sync")
async def _run_for_output(call: Call, source: Source) -> Response:
    """Run an Actor or task and answer with its output record, or nothing without one."""
    run = await _finished(call, source)
    record = run.store.records.get(call.text("outputRecordKey", "OUTPUT") or "")
    return Response(201, record.value, record.content_type) if record else Response(201)


@SOURCE.on("GET", "/run-sync-get-dataset-items")
@SOURCE.on("POST", "/run-sync-get-dataset-items")
async def _run_for_items(call: Call, source: Source) -> Response:
    """Run an Actor or task and answer with the items of its dataset."""
    run = await _finished(call, source)
    return await items_response(call, run.dataset, 201)


async def _finished(call: Call, source: Source) -> Run:
    run = await make_run(call, *source)
    run.launch()
    await wait_until_finished(run, MAX_SECONDS)
    if not run.is_finished:
        # The run continues, and the response does not name it.
        raise ApiError(
            408,
            "run-timeout-exceeded",
            f"Actor run exceeded the timeout of {MAX_SECONDS} seconds for this API endpoint",
        )
    if run.status != "SUCCEEDED":
        message = f"Actor run did not succeed (run ID: {run.id}, status: {run.status})."
        raise ApiError(400, "run-failed", message)
    return run
