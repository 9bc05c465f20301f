"""A real Airflow in a home of its own, beside an emulated Apify and an S3 server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.support.airflow_defects import pytest_runtest_makereport  # noqa: F401
from tests.support.airflow_home import AirflowHome
from tests.support.s3_bucket import S3Bucket, make_bucket

EXAMPLE_DAGS = Path(__file__).parents[2] / "example_dags"
#: DAGs of these tests for every version of Airflow, and for Airflow 3 alone.
DAGS, DAGS_3 = Path(__file__).parent / "dags", Path(__file__).parent / "dags_3"
TOKEN = "apify_api_canary0123456789"


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    """An Apify whose one Actor pushes as many items as its input says."""
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
    """Return the item that the Actor pushes for a page."""
    return {
        "url": f"{url}?page={number}",
        "title": f"Page “{number}”, 100 %",
        "nested": {"n": [number, None]},
    }


def is_waited_for(emulator: Emulator, run_id: str) -> bool:
    """
    Return whether the long wait for the run has begun, on the worker or in the triggerer.

    In the second between a deferral and the start of its trigger, Airflow runs no code of a provider: what a
    user does to the task then, no provider can see.
    """
    polls = [seen for seen in emulator.requests if seen.path == f"/v2/actor-runs/{run_id}"]
    return any(int(seen.query.get("waitForFinish", 0)) > 30 for seen in polls)


def assert_token_is_in_no_file(airflow: AirflowHome) -> None:
    """Assert that no file of Airflow's home has the token: no log, and not the database."""
    for path in airflow.path.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


@pytest.fixture(scope="module")
def s3(s3_url: str) -> Iterator[S3Bucket]:
    """A bucket of the S3 server, with nothing in it from another module."""
    bucket = make_bucket(s3_url)
    yield bucket
    bucket.client.close()


@pytest.fixture(scope="module")
def server(emulator: Emulator) -> Iterator[Any]:
    """The emulator over HTTP."""
    with emulator.serve() as server:
        yield server


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's database as it is at first: making it takes long, copying it does not."""
    home = tmp_path_factory.mktemp("database")
    AirflowHome(home, {}).command("db", "migrate")
    return home / "airflow.db"


@pytest.fixture(scope="module")
def airflow(
    server: Any, s3: S3Bucket, database: Path, tmp_path_factory: pytest.TempPathFactory
) -> AirflowHome:
    """An Airflow with the example DAGs and connections to both servers, all of its logs at DEBUG."""
    home = tmp_path_factory.mktemp("airflow")
    shutil.copy(database, home)
    connections = {
        "apify_default": {"conn_type": "apify", "host": server.url, "password": TOKEN},
        "aws_default": s3.connection,
    }
    airflow = AirflowHome(
        home,
        {
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "12",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
        },
    )
    airflow.use_dags(EXAMPLE_DAGS)
    return airflow
