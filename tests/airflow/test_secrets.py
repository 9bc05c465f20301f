"""Secrets in an Actor's input reach the Actor and nothing else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.airflow.steering import Airflow

FROM_CONNECTION = "canary-of-the-connection"
UNDER_A_NAME = "canary-under-its-name"


def test_they_are_in_no_rendered_field(
    airflow: Airflow, emulator: Emulator, apify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = {"conn_type": "http", "password": FROM_CONNECTION}
    monkeypatch.setitem(airflow.env, "AIRFLOW_CONN_SITE", json.dumps(site))
    monkeypatch.setitem(airflow.env, "AIRFLOW__CORE__DAGS_FOLDER", str(Path(__file__).parent / "dags"))
    airflow.test_dag("secrets", word=UNDER_A_NAME)
    for run in emulator.runs[-3:]:
        given = json.loads(emulator.platform.runs[run["id"]].store.records["INPUT"].value)
        assert (given["login"], given["proxy"]["password"]) == (FROM_CONNECTION, UNDER_A_NAME)
    with sqlite3.connect(airflow.home / "airflow.db") as database:
        rows = database.execute(
            "SELECT rendered_fields FROM rendered_task_instance_fields WHERE dag_id = 'secrets'"
        ).fetchall()
    assert len(rows) == 3
    for (fields,) in rows:
        assert "example.com" in fields
        assert FROM_CONNECTION not in fields
        assert UNDER_A_NAME not in fields
