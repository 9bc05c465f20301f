"""The decorators in a DAG, as Airflow runs it, and the metrics that its own stats client sends meanwhile."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.airflow.steering import Airflow


@dataclass
class Done:
    """The DAG's run: what was printed, the runs at Apify, and the metrics."""

    printed: str
    runs: list[dict[str, Any]]
    metrics: list[str]


@pytest.fixture(scope="module")
def done(airflow: Airflow, emulator: Emulator) -> Done:
    """The DAG, run once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.setblocking(False)
        airflow.env |= {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        }
        printed = airflow.test_dag("decorated")
        metrics = []
        while True:
            try:
                metrics.append(statsd.recv(4096).decode())
            except BlockingIOError:
                break
    return Done(printed, emulator.runs, metrics)


def test_each_function_feeds_a_run(done: Done, emulator: Emulator) -> None:
    urls = {
        item["url"]
        for run in done.runs
        for item in emulator.platform.datasets[run["defaultDatasetId"]].items.at(range(2))
    }
    assert urls == {
        f"http://example.com/{name}?page={page}" for name in ("one", "inline", "a", "b") for page in (0, 1)
    }
    assert any(f"the dataset is {run['defaultDatasetId']}" in done.printed for run in done.runs)
    assert "there are 2 items inline" in done.printed


def test_cost_duration_and_items_are_metrics(done: Done) -> None:
    ours = [metric for metric in done.metrics if "apify" in metric]
    assert re.search(r"^airflow\.apify\.run\.cost_usd:[\d.e-]+\|g", "\n".join(ours), re.M)
    assert re.search(r"^airflow\.apify\.run\.duration:[\d.]+\|ms", "\n".join(ours), re.M)
    assert "airflow.apify.run.items:2|g" in ours
