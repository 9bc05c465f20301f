"""The decorators in a DAG, as Airflow runs it, and the metrics that its own stats client sends meanwhile."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.airflow.conftest import DAGS
from tests.support.airflow_home import AirflowHome


@dataclass
class FinishedDag:
    """A run of the DAG: what was printed, the runs at Apify, and the metrics."""

    printed: str
    runs: list[dict[str, Any]]
    metrics: list[str]


@pytest.fixture(scope="module")
def finished_dag(airflow: AirflowHome, emulator: Emulator) -> FinishedDag:
    """The DAG, run once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.setblocking(False)
        airflow.env |= {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
        }
        airflow.use_dags(DAGS)
        printed = airflow.test_dag("taskflow_decorators", {})
        metrics = []
        while True:
            try:
                metrics.append(statsd.recv(4096).decode())
            except BlockingIOError:
                break
    return FinishedDag(printed, emulator.runs, metrics)


def test_each_decorated_function_gives_the_input_of_a_run(
    finished_dag: FinishedDag, emulator: Emulator
) -> None:
    urls = {
        item["url"]
        for run in finished_dag.runs
        for item in emulator.platform.datasets[run["defaultDatasetId"]].items.at(range(2))
    }
    assert urls == {
        f"http://example.com/{name}?page={page}" for name in ("one", "inline", "a", "b") for page in (0, 1)
    }
    assert any(
        f"the dataset is {run['defaultDatasetId']}" in finished_dag.printed for run in finished_dag.runs
    )
    assert "there are 2 items inline" in finished_dag.printed


def test_cost_duration_and_item_count_are_metrics(finished_dag: FinishedDag) -> None:
    ours = [metric for metric in finished_dag.metrics if "apify" in metric]
    assert re.search(r"^airflow\.apify\.run\.cost_usd:[\d.e-]+\|g", "\n".join(ours), re.M)
    assert re.search(r"^airflow\.apify\.run\.duration:[\d.]+\|ms", "\n".join(ours), re.M)
    assert "airflow.apify.run.items:2|g" in ours
