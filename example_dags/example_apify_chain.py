"""Run an Actor, wait for it without holding a worker, and land its results on disk and in S3."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator

with DAG(
    "example_apify_chain",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={
        "actor_id": "apify/website-content-crawler",
        "start_url": "https://docs.python.org/3/library/",
        "folder": "/tmp/apify",  # noqa: S108 (an example)
        "bucket": "apify-results",
    },
    tags=["example", "apify"],
):
    run = RunActorOperator(
        task_id="run",
        actor_id="{{ params.actor_id }}",
        run_input={"startUrls": [{"url": "{{ params.start_url }}"}], "maxCrawlPages": 50},
        max_total_charge_usd=1,
    )
    wait = ApifyRunSensor(task_id="wait", run_id=run.output["id"])
    DatasetToLocalOperator(
        task_id="to_disk",
        dataset_id=wait.output["defaultDatasetId"],
        path="{{ params.folder }}/{{ run_id }}.jsonl",
        replace=True,
    )
    DatasetToS3Operator(
        task_id="to_s3",
        dataset_id=wait.output["defaultDatasetId"],
        bucket_name="{{ params.bucket }}",
        key="apify/{{ run_id }}.csv",
        format="csv",
        replace=True,
    )
