"""Export one large dataset by many workers: a plan, a task for each part of it, and a manifest at the end."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task

from airflow_provider_apify.export.parts_and_manifest import manifest
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.dataset_to_object_storage import DatasetToObjectStorageOperator

with DAG(
    "example_apify_large_export",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={
        "dataset_id": "username/dataset-name",
        "items_per_part": 1_000_000,
        # With `s3://aws_default@bucket/folder`, `gs://…` and so on all workers see it. Each export needs one
        # of its own: a smaller one would leave parts of the one before.
        "folder": "file:///tmp/apify",
    },
    tags=["example", "apify"],
):

    @task
    def plan(params: dict) -> list[dict]:  # type: ignore[type-arg]
        return ApifyHook().split_dataset(params["dataset_id"], params["items_per_part"])

    @task
    def list_parts(results: list[dict], params: dict) -> None:  # type: ignore[type-arg]
        # Loaders pass over files whose name starts with an underscore; when it is there, all parts are.
        path = ObjectStoragePath(params["folder"]) / "_items.jsonl.manifest.json"
        path.write_bytes(manifest(params["dataset_id"], results))

    parts = DatasetToObjectStorageOperator.partial(
        task_id="export",
        dataset_id="{{ params.dataset_id }}",
        path="{{ params.folder }}/items-{{ '%05d' % ti.map_index }}.jsonl.gz",
        checksum=True,
        replace=True,
    ).expand_kwargs(plan())
    list_parts(parts.output)
