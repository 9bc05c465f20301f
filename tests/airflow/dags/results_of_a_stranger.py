"""Results that Airflow would make objects of, and a task that takes whatever comes."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.operators.storage import GetKeyValueStoreRecordOperator


@task(trigger_rule="all_done")
def take(ti: Any = None) -> None:
    """Show what came of each task."""
    for task_id in ("items", "output", "record"):
        print(f"{task_id} gave {ti.xcom_pull(task_ids=task_id)!r}")


with DAG("results_of_a_stranger", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    arguments: dict[str, Any] = {"actor_id": "emulator/stranger", "wait_for_completion": True}
    items = RunActorOperator(task_id="items", returns="items", **arguments)
    output = RunActorOperator(task_id="output", returns="output", **arguments)
    # Known although its run's task fails.
    store_id = "{{ ti.xcom_pull(task_ids='output', key='defaultKeyValueStoreId') }}"
    record = GetKeyValueStoreRecordOperator(
        task_id="record", key_value_store_id=store_id, trigger_rule="all_done"
    )
    output >> record
    [items, record] >> take()

    names = RunActorOperator(
        task_id="names", actor_id="emulator/namer", wait_for_completion=True, returns="output"
    )
    RunActorOperator.partial(task_id="mapped", **arguments).expand(run_input=names.output)
