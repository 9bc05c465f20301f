"""The operations of the API, one module a kind of resource."""

from __future__ import annotations

from airflow_provider_apify.emulator.routes import (
    access,
    actors,
    builds,
    datasets,
    key_value_stores,
    logs,
    request_queues,
    runs,
    sync,
    tasks,
    users,
    webhooks,
)
from airflow_provider_apify.emulator.routing import Router


def register_all(router: Router) -> None:
    """Add every operation, and the shortcuts from runs to their storages."""
    for module in (
        users,
        actors,
        builds,
        tasks,
        runs,
        sync,
        logs,
        datasets,
        key_value_stores,
        request_queues,
        webhooks,
    ):
        module.register(router)
    actors.ACTOR.mount(router, "/v2/actors/{actorId}", access.actor_of)
    tasks.TASK.mount(router, "/v2/actor-tasks/{actorTaskId}", access.task_of)
    datasets.DATASET.mount(router, "/v2/datasets/{datasetId}", access.dataset_of)
    key_value_stores.STORE.mount(router, "/v2/key-value-stores/{storeId}", access.store_of)
    request_queues.QUEUE.mount(router, "/v2/request-queues/{queueId}", access.queue_of)
    last = ("GET ", "POST /abort", "POST /metamorph", "POST /reboot", "GET /log")
    of_actor = ("GET ", "POST /abort", "POST /metamorph", "POST /resurrect")
    # The literal `last` goes before the placeholder: the first route that fits wins.
    for prefix, find, only in (
        ("/v2/actors/{actorId}/runs/last", access.last_run_of_actor, last),
        ("/v2/actor-tasks/{actorTaskId}/runs/last", access.last_run_of_task, last),
        ("/v2/actors/{actorId}/runs/{runId}", access.run_of, of_actor),
        ("/v2/actor-runs/{runId}", access.run_of, None),
    ):
        runs.RUN.mount(router, prefix, find, only)
        if not prefix.endswith("/actors/{actorId}/runs/{runId}"):
            datasets.DATASET.mount(router, f"{prefix}/dataset", access.dataset_of_run(find))
            key_value_stores.STORE.mount(router, f"{prefix}/key-value-store", access.store_of_run(find))
            request_queues.QUEUE.mount(router, f"{prefix}/request-queue", access.queue_of_run(find))
