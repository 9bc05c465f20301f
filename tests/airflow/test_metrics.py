"""Metrics, as Airflow's own stats client sends them."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from tests.airflow.steering import Airflow


def test_cost_duration_and_items(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.setblocking(False)
        for name, value in {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        }.items():
            monkeypatch.setitem(airflow.env, name, value)
        airflow.test_dag("decorated")
        received = []
        while True:
            try:
                received.append(statsd.recv(4096).decode())
            except BlockingIOError:
                break
    ours = [metric for metric in received if "apify" in metric]
    assert re.search(r"^airflow\.apify\.run\.cost_usd:[\d.e-]+\|g", "\n".join(ours), re.M)
    assert re.search(r"^airflow\.apify\.run\.duration:[\d.]+\|ms", "\n".join(ours), re.M)
    assert "airflow.apify.run.items:2|g" in ours
