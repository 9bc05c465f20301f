"""Use the hook from TaskFlow, where an operator would be too stiff."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator

with DAG(
    "example_apify_taskflow",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={
        "actor_id": "apify/website-content-crawler",
        "start_url": "https://docs.python.org/3/library/json.html",
    },
    tags=["example", "apify"],
):
    run = RunActorOperator(
        task_id="run",
        actor_id="{{ params.actor_id }}",
        run_input={"startUrls": [{"url": "{{ params.start_url }}"}], "maxCrawlPages": 1},
        wait_for_completion=True,
    )

    @task
    def titles(dataset_id: str) -> list[str]:
        page = ApifyHook().get_items(dataset_id, format="json", limit=100, fields="title")
        return [item["title"] for item in page.items()]

    titles(run.output["defaultDatasetId"])
