"""Secrets in an Actor's input reach the Actor and nothing else."""

from __future__ import annotations

import json
import sqlite3

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.airflow.conftest import DAGS
from tests.support.airflow_home import AirflowHome

FROM_CONNECTION = "canary-of-the-connection"
UNDER_A_NAME = "canary-under-its-name"


def test_secrets_of_the_input_reach_the_actor_and_no_rendered_field(
    airflow: AirflowHome, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = {"conn_type": "http", "password": FROM_CONNECTION}
    monkeypatch.setitem(airflow.env, "AIRFLOW_CONN_SITE", json.dumps(site))
    airflow.use_dags(DAGS)
    airflow.test_dag("input_masking", {"word": UNDER_A_NAME})
    for run in emulator.runs[-3:]:
        given = json.loads(emulator.platform.runs[run["id"]].store.records["INPUT"].value)
        assert (given["login"], given["proxy"]["password"]) == (FROM_CONNECTION, UNDER_A_NAME)
    with sqlite3.connect(airflow.path / "airflow.db") as database:
        rows = database.execute(
            "SELECT rendered_fields FROM rendered_task_instance_fields WHERE dag_id = 'input_masking'"
        ).fetchall()
    assert len(rows) == 3
    for (fields,) in rows:
        assert "example.com" in fields
        assert FROM_CONNECTION not in fields
        assert UNDER_A_NAME not in fields
