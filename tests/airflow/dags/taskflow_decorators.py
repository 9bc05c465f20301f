"""A DAG of functions that return an Actor's input; one of them is mapped."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG("taskflow_decorators", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):

    @task.apify_actor(actor_id="emulator/crawler", wait_for_completion=True)
    def crawl(url: str) -> dict[str, object]:
        return {"startUrls": [{"url": url}], "maxCrawlPages": 2}

    @task
    def show(dataset_id: str) -> None:
        print(f"the dataset is {dataset_id}")

    show(crawl("http://example.com/one")["defaultDatasetId"])

    @task
    def count(items: list[object]) -> None:
        print(f"there are {len(items)} items inline")

    count(crawl.override(task_id="inline", returns="items")("http://example.com/inline"))
    crawl.override(task_id="each").expand(url=["http://example.com/a", "http://example.com/b"])
