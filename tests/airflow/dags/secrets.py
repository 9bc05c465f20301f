"""A DAG whose input holds secrets: one from a connection, one under a name that says what it is."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run import RunActorOperator

with DAG("secrets", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    RunActorOperator(
        task_id="run",
        actor_id="emulator/crawler",
        run_input={
            "startUrls": [{"url": "http://example.com/"}],
            "maxCrawlPages": 1,
            "login": "{{ conn.site.password }}",
            "proxy": {"password": "{{ dag_run.conf['word'] }}"},
        },
        wait_for_completion=True,
    )
