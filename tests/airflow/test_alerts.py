"""Callbacks and notifiers of a failed task are given the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.airflow.steering import Airflow


def test_they_know_which_run_failed(
    airflow: Airflow, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(airflow.env, "AIRFLOW__CORE__DAGS_FOLDER", str(Path(__file__).parent / "dags"))
    airflow.test_dag("alerts", check=False, folder=str(tmp_path))
    run_id = emulator.runs[-1]["id"]
    told = f"{run_id} FAILED https://console.apify.com/actors/runs/{run_id}"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "function": told,
        "notifier": told,
    }
