"""Airflow connections for tests."""

from __future__ import annotations

import json
from typing import Any

import pytest


def set_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str = "apify_default", **fields: Any) -> None:
    """Define an Airflow connection."""
    connection = {"conn_type": "apify", **fields}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
