"""Run one Actor for each of many inputs, and land each result in a file of its own."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator

with DAG(
    "example_apify_mapped",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={
        "actor_id": "apify/website-content-crawler",
        "start_urls": [
            "https://docs.python.org/3/library/json.html",
            "https://docs.python.org/3/library/csv.html",
        ],
        "folder": "/tmp/apify",  # noqa: S108 (an example)
    },
    tags=["example", "apify"],
):

    @task
    def inputs(params: dict) -> list[dict]:  # type: ignore[type-arg]
        return [{"startUrls": [{"url": url}], "maxCrawlPages": 1} for url in params["start_urls"]]

    @task
    def dataset_ids(runs: list[dict]) -> list[str]:  # type: ignore[type-arg]
        return [run["defaultDatasetId"] for run in runs]

    runs = RunActorOperator.partial(
        task_id="run", actor_id="{{ params.actor_id }}", wait_for_completion=True, deferrable=True
    ).expand(run_input=inputs())
    DatasetToLocalOperator.partial(
        task_id="to_disk",
        path="{{ params.folder }}/{{ run_id }}-{{ ti.map_index }}.jsonl",
        replace=True,
    ).expand(dataset_id=dataset_ids(runs.output))
