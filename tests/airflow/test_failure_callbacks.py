"""Callbacks and notifiers of a failed task are given the run."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_apify.emulator import Emulator
from tests.airflow.conftest import DAGS
from tests.support.airflow_home import AirflowHome


def test_callback_and_notifier_of_a_failed_task_know_the_run(
    airflow: AirflowHome, emulator: Emulator, tmp_path: Path
) -> None:
    airflow.use_dags(DAGS)
    airflow.test_dag("failure_callbacks", {"folder": str(tmp_path)}, check=False)
    run_id = emulator.runs[-1]["id"]
    told = f"{run_id} FAILED https://console.apify.com/actors/runs/{run_id}"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "function": told,
        "notifier": told,
    }
