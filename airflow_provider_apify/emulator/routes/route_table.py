"""The table of routes: which paths lead to which operations."""

from __future__ import annotations

from airflow_provider_apify.emulator.routes.actor_endpoints import ACTOR, ACTORS
from airflow_provider_apify.emulator.routes.build_endpoints import BUILD, BUILDS, build_of
from airflow_provider_apify.emulator.routes.dataset_endpoints import DATASET
from airflow_provider_apify.emulator.routes.key_value_store_endpoints import STORE, get_blob
from airflow_provider_apify.emulator.routes.log_endpoints import get_log
from airflow_provider_apify.emulator.routes.request_queue_endpoints import QUEUE
from airflow_provider_apify.emulator.routes.resource_access import (
    actor_of,
    last_run_of_actor,
    last_run_of_task,
    run_of,
    task_of,
)
from airflow_provider_apify.emulator.routes.run_endpoints import RUN, RUNS
from airflow_provider_apify.emulator.routes.run_sync_endpoints import SOURCE, source_of_actor, source_of_task
from airflow_provider_apify.emulator.routes.task_endpoints import TASK, TASKS
from airflow_provider_apify.emulator.routes.user_endpoints import ME, get_user
from airflow_provider_apify.emulator.routes.webhook_endpoints import DISPATCHES, WEBHOOK, WEBHOOKS, webhook_of
from airflow_provider_apify.emulator.server.routing import Router


def add_routes(router: Router) -> None:
    """Add all operations, and the paths that lead from runs to their storages."""
    for prefix, operations in (
        ("/v2/users/me", ME),
        ("/v2/actors", ACTORS),
        ("/v2/actor-builds", BUILDS),
        ("/v2/actor-tasks", TASKS),
        ("/v2/actor-runs", RUNS),
        ("/v2/webhooks", WEBHOOKS),
        ("/v2/webhook-dispatches", DISPATCHES),
    ):
        operations.mount(router, prefix, lambda call: call.user)
    router.add("GET", "/v2/users/{userId}", get_user)
    router.add("GET", "/v2/logs/{runId}", get_log)
    router.add("GET", "/blobs/{storeId}/{recordKey}", get_blob)
    ACTOR.mount(router, "/v2/actors/{actorId}", actor_of)
    SOURCE.mount(router, "/v2/actors/{actorId}", source_of_actor)
    BUILD.mount(router, "/v2/actor-builds/{buildId}", build_of)
    TASK.mount(router, "/v2/actor-tasks/{actorTaskId}", task_of)
    SOURCE.mount(router, "/v2/actor-tasks/{actorTaskId}", source_of_task)
    WEBHOOK.mount(router, "/v2/webhooks/{webhookId}", webhook_of)
    of_last = ("GET ", "POST /abort", "POST /metamorph", "POST /reboot", "GET /log")
    of_actor = ("GET ", "POST /abort", "POST /metamorph", "POST /resurrect")
    # The first route that fits wins, so the literal `last` precedes the placeholder.
    RUN.mount(router, "/v2/actors/{actorId}/runs/last", last_run_of_actor, of_last)
    RUN.mount(router, "/v2/actor-tasks/{actorTaskId}/runs/last", last_run_of_task, of_last)
    RUN.mount(router, "/v2/actors/{actorId}/runs/{runId}", run_of, of_actor)
    RUN.mount(router, "/v2/actor-runs/{runId}", run_of)
    for name, storage in (("dataset", DATASET), ("key-value-store", STORE), ("request-queue", QUEUE)):
        storage.mount_own_path(router)
        storage.mount_path_of_run(router, f"/v2/actors/{{actorId}}/runs/last/{name}", last_run_of_actor)
        storage.mount_path_of_run(
            router, f"/v2/actor-tasks/{{actorTaskId}}/runs/last/{name}", last_run_of_task
        )
        storage.mount_path_of_run(router, f"/v2/actor-runs/{{runId}}/{name}", run_of)
