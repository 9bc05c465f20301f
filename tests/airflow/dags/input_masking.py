"""A DAG whose input holds secrets: one from a connection, one under a name that says what it is."""

from __future__ import annotations

import json
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run import RunActorOperator

with DAG("input_masking", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    run_input = {
        "startUrls": [{"url": "http://example.com/"}],
        "maxCrawlPages": 1,
        "login": "{{ conn.site.password }}",
        "proxy": {"password": "{{ dag_run.conf['word'] }}"},
    }
    arguments: dict[str, Any] = {"actor_id": "emulator/crawler", "wait_for_completion": True}
    value = RunActorOperator(task_id="value", run_input=run_input, **arguments)
    text = RunActorOperator(task_id="text", run_input=json.dumps(run_input), **arguments)
    mapped = RunActorOperator.partial(task_id="mapped", **arguments).expand(run_input=[json.dumps(run_input)])
    value >> text >> mapped
