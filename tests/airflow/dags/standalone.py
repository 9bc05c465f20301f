"""DAGs for the tests of a whole Airflow; what runs is told by the DAG run's params."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator

START = pendulum.datetime(2026, 1, 1, tz="UTC")
INPUT = {
    "startUrls": [{"url": "http://example.com/"}],
    "maxCrawlPages": 5,
    "seconds": "{{ params.seconds }}",
    "fail": "{{ params.fail }}",
}

with DAG(
    "chain",
    schedule=None,
    start_date=START,
    params={"seconds": 10, "fail": "", "folder": ""},
    render_template_as_native_obj=True,
):
    run = RunActorOperator(task_id="run", actor_id="emulator/crawler", run_input=INPUT)
    wait = ApifyRunSensor(task_id="wait", run_id=run.output["id"], soft_fail=True)
    DatasetToLocalOperator(
        task_id="land",
        dataset_id=wait.output["defaultDatasetId"],
        path="{{ params.folder }}/{{ run_id }}.jsonl",
    )

for mode in ("deferred", "worker"):
    for limit in (None, timedelta(seconds=12)):
        with DAG(
            f"{mode}_limited" if limit else mode,
            schedule=None,
            start_date=START,
            params={"seconds": 3600, "fail": ""},
            render_template_as_native_obj=True,
        ):
            RunActorOperator(
                task_id="run",
                actor_id="emulator/crawler",
                run_input=INPUT,
                wait_for_completion=True,
                deferrable=mode == "deferred",
                execution_timeout=limit,
            )

with DAG("forged", schedule=None, start_date=START):
    RunActorOperator(task_id="run", actor_id="emulator/forger", wait_for_completion=True)
