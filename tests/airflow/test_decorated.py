"""The decorators in a DAG, as Airflow runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.airflow.steering import Airflow


def test_each_function_feeds_a_run(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(airflow.env, "AIRFLOW__CORE__DAGS_FOLDER", str(Path(__file__).parent / "dags"))
    before = len(emulator.runs)
    printed = airflow.test_dag("decorated")
    runs = emulator.runs[before:]
    urls = {
        item["url"]
        for run in runs
        for item in emulator.platform.datasets[run["defaultDatasetId"]].items.at(range(2))
    }
    assert urls == {
        f"http://example.com/{name}?page={page}" for name in ("one", "inline", "a", "b") for page in (0, 1)
    }
    assert any(f"the dataset is {run['defaultDatasetId']}" in printed for run in runs)
    assert "there are 2 items inline" in printed
