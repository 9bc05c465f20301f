"""A real Airflow in a home of its own, beside an emulated Apify and an S3 server."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_apify.emulator import Emulator
from tests.airflow.steering import Airflow

ROOT = Path(__file__).parents[2]
TOKEN = "apify_api_canary0123456789"
BUCKET = "results"


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    """An Apify whose one Actor pushes what it is told to."""
    emulator = Emulator(token=TOKEN)

    @emulator.actor("emulator/crawler")
    def crawler(actor: Any) -> None:
        order = actor.input
        for number in range(order["maxCrawlPages"]):
            actor.push_data(item(order["startUrls"][0]["url"], number))
        actor.sleep(order.get("seconds", 0))
        if order.get("fail"):
            raise RuntimeError("failed as told")

    return emulator


def item(url: str, number: int) -> dict[str, Any]:
    """What the Actor pushes."""
    return {
        "url": f"{url}?page={number}",
        "title": f"Page “{number}”, 100 %",
        "nested": {"n": [number, None]},
    }


@dataclass
class S3:
    """An S3 server with one bucket."""

    url: str
    client: Any

    def get(self, key: str) -> bytes:
        """Return an object."""
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """An S3 server over HTTP."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    yield S3(url, client)
    server.stop()


@pytest.fixture(scope="module")
def apify(emulator: Emulator) -> Iterator[Any]:
    """The emulator over HTTP."""
    with emulator.serve() as server:
        yield server


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's database as it is at first: making it takes long, copying it does not."""
    home = tmp_path_factory.mktemp("database")
    Airflow(home, home, {"AIRFLOW_HOME": str(home)})("db", "migrate")
    return home / "airflow.db"


@pytest.fixture(scope="module")
def airflow(apify: Any, s3: S3, database: Path, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """An Airflow with the example DAGs and connections to both servers, all of its logs at DEBUG."""
    home = tmp_path_factory.mktemp("airflow")
    shutil.copy(database, home)
    aws = {"endpoint_url": s3.url, "region_name": "us-east-1"}
    connections = {
        "apify_default": {"conn_type": "apify", "host": apify.url, "password": TOKEN},
        "aws_default": {"conn_type": "aws", "login": "test", "password": "testtest", "extra": aws},
    }
    return Airflow(
        home,
        ROOT / "example_dags",
        {
            "AIRFLOW_HOME": str(home),
            # `airflow standalone` starts its parts as `airflow …`.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "12",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
        },
    )
