"""
DAGs of the distributed tests.

Each task starts the Actor of its own name; the Actor of a `RELEASED` task ends when the test says so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run import RunActorOperator
from tests.distributed.failing_operators import (
    FirstTryOnWorkerOperator,
    TriggerDiesOperator,
    WorkerDiesOperator,
)

#: How many tasks start the same Actor at once.
CROWD = 20 if airflow_version.startswith("2.") else 200

RELEASED = {"until_released": True}
ENDLESS = {"seconds": 36000}
QUICK = {"seconds": 1}


def task(task_id: str, run_input: Any, *, operator: Any = RunActorOperator, **kwargs: Any) -> None:
    """Add a task that waits for its run, in the triggerer if its name says so."""
    arguments = {
        "actor_id": f"emulator/{task_id}",
        "wait_for_completion": True,
        "deferrable": task_id.endswith("_deferred"),
        "retries": 0,
        "retry_delay": timedelta(seconds=1),
    }
    operator(task_id=task_id, run_input=run_input, **(arguments | kwargs))


DAGS: list[DAG] = []


def dag(dag_id: str) -> DAG:
    """Make a DAG that runs when told to."""
    made = DAG(dag_id, schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
    globals()[dag_id] = made
    DAGS.append(made)
    return made


with dag("runs"):
    task("killed_before_answer", QUICK, retries=2, queue="doomed")
    task("killed_while_waiting", RELEASED, retries=2, queue="doomed")
    task("shut_down_worker", RELEASED, retries=1)
    for mode in ("worker", "deferred"):
        task(f"frozen_{mode}", RELEASED, retries=2, operator=FirstTryOnWorkerOperator)
    for mode in ("worker", "deferred"):
        task(f"killed_after_answer_{mode}", QUICK, retries=2, operator=WorkerDiesOperator)
        task(f"refused_{mode}", QUICK)
        task(f"run_failed_{mode}", {"fail_first": True, **QUICK}, retries=1)
        task(f"cleared_green_{mode}", QUICK)
    task("trigger_dies_deferred", RELEASED, retries=1, operator=TriggerDiesOperator)
    for lost in ("dropped", "answered_502", "read_timeout"):
        task(f"lost_{lost}", QUICK, apify_conn_id="apify_hasty")
    for mode in ("worker", "deferred"):
        for action in ("failed", "success", "clear"):
            task(f"{action}_{mode}", ENDLESS, retries=1)
        task(f"execution_timeout_{mode}", ENDLESS, execution_timeout=timedelta(seconds=30))
        task(
            f"execution_timeout_retried_{mode}",
            {"endless_first": True, **QUICK},
            # Enough for the second try, which waits for the end of the first one's run.
            execution_timeout=timedelta(seconds=60),
            retries=1,
        )
        task(f"wait_timeout_{mode}", ENDLESS, wait_timeout=timedelta(seconds=20))

with dag("ends"):
    for end in ({"seconds": 0}, {"seconds": 1}):
        task(f"succeeded_after_{end['seconds']}_s_deferred", end)
        task(f"failed_after_{end['seconds']}_s_deferred", {"fail_first": True, **end})
    for number in range(5):
        task(f"right_after_{number}_deferred", RELEASED)

with dag("crowd"):
    RunActorOperator.partial(
        task_id="crowd_deferred",
        actor_id="emulator/crowd_deferred",
        wait_for_completion=True,
        deferrable=True,
        retries=3,
        retry_delay=timedelta(seconds=1),
        queue="crowd",
    ).expand(run_input=[RELEASED] * CROWD)

with dag("limited"):
    task("limited_deferred", ENDLESS, execution_timeout=timedelta(seconds=60))
