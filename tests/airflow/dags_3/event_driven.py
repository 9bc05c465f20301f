"""DAGs that something at Apify sets off, and one that shows an Actor's log; for Airflow 3.3."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.operators.webhook import CreateOrUpdateWebhookOperator
from airflow_provider_apify.triggers.run_event import ApifyRunEventTrigger

START = pendulum.datetime(2026, 1, 1, tz="UTC")

watcher = AssetWatcher(
    name="crawls", trigger=ApifyRunEventTrigger(actor_id="emulator/crawler", poke_interval=3)
)

with DAG("watched", schedule=[Asset("crawled", watchers=[watcher])], start_date=START, catchup=False):

    @task
    def tell_of_runs(triggering_asset_events: Any = None) -> list[str]:
        events = [event for asset in triggering_asset_events.values() for event in asset]
        return [event.extra["payload"]["id"] for event in events]

    tell_of_runs()

with DAG("announced", schedule=[Asset("announced")], start_date=START, catchup=False):

    @task
    def tell_of_announcements(triggering_asset_events: Any = None) -> list[str]:
        events = [event for asset in triggering_asset_events.values() for event in asset]
        return [event.extra["id"] for event in events]

    tell_of_announcements()

with DAG("hooked", schedule=None, start_date=START):

    @task
    def tell_of_run(dag_run: Any = None) -> str:
        return str(dag_run.conf["run"]["defaultDatasetId"])

    tell_of_run()

with DAG("hooks", schedule=None, start_date=START):
    CreateOrUpdateWebhookOperator(
        task_id="start_a_dag",
        idempotency_key="start-the-dag-hooked",
        event_types=["ACTOR.RUN.SUCCEEDED"],
        actor_id="emulator/crawler",
        request_url="{{ dag_run.conf['airflow'] }}/api/v2/dags/hooked/dagRuns",
        headers_template='{"Authorization": "Bearer {{ conn.airflow_api.password }}"}',
        # The ID makes a second delivery of the same event harmless.
        payload_template=(
            '{"dag_run_id": "apify__{{resource.id}}", "logical_date": null, '
            '"conf": {"event": {{eventType}}, "run": {{resource}}}}'
        ),
        should_interpolate_strings=True,
    )

with DAG("talking", schedule=None, start_date=START):
    RunActorOperator(
        task_id="talk",
        actor_id="emulator/talker",
        wait_for_completion=True,
        deferrable=True,
        actor_log="full",
    )
