"""A whole Airflow 3, asked and steered over its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.get_provider_info import CONNECTION_TYPE
from tests.airflow.conftest import TOKEN
from tests.airflow.steering import Airflow, Rest

pytestmark = pytest.mark.skipif(
    airflow_version < "3.3", reason="the REST API of Airflow 3 steers these tests"
)


@pytest.fixture(scope="module")
def rest(airflow: Airflow) -> Iterator[Rest]:
    """The REST API of a running Airflow that has the test DAGs."""
    airflow.env["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parent / "dags")
    with airflow.standalone() as rest:
        # All at once: most of what these tests do is waiting.
        for mode, action in product(("deferred", "worker"), ("failed", "success", "clear")):
            rest.start_dag(mode, action)
        for dag_id in ("deferred_limited", "worker_limited"):
            rest.start_dag(dag_id, "one")
        yield rest


def effective_aborts(emulator: Emulator, run_id: str) -> int:
    """How many requests stopped the run."""
    return sum(abort["effective"] for abort in emulator.aborts if abort["runId"] == run_id)


def test_the_chain(rest: Rest, airflow: Airflow, emulator: Emulator, tmp_path: Path) -> None:
    rest.start_dag("chain", "one", seconds=12, folder=str(tmp_path))
    rest.wait_for("chain", "one", "wait", "deferred")
    at = "/api/v2/dags/chain/dagRuns/one/taskInstances"
    apify_run_id = rest("GET", f"{at}/run/xcomEntries/id")["value"]
    (apify_run,) = [run for run in emulator.runs if run["id"] == apify_run_id]
    url = f"https://console.apify.com/actors/runs/{apify_run['id']}"
    for task_id in ("run", "wait"):
        assert rest("GET", f"{at}/{task_id}/links")["extra_links"] == {"Apify Console": url}
    info = rest("GET", f"{at}/run/xcomEntries/return_value?deserialize=false")["value"]
    assert apify_run["defaultDatasetId"] in str(info)
    assert rest("GET", f"{at}/run/xcomEntries/defaultDatasetId")["value"] == apify_run["defaultDatasetId"]
    # While a trigger waits, its arguments lie in the database.
    for path in airflow.home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    rest.wait_for("chain", "one", "land", "success")
    assert len((tmp_path / "one.jsonl").read_text().splitlines()) == 5


def test_a_failed_run_fails_the_sensor_and_never_skips_it(rest: Rest) -> None:
    rest.start_dag("chain", "failing", seconds=8, fail="yes", folder="/nonexistent")
    assert rest.wait_for("chain", "failing", "wait", "failed", "skipped", "success")["state"] == "failed"
    log = str(rest("GET", "/api/v2/dags/chain/dagRuns/failing/taskInstances/wait/logs/1"))
    assert "ApifyRunFailedError" in log
    assert "failed as told" in log


@pytest.mark.parametrize(("mode", "state"), [("deferred", "deferred"), ("worker", "running")])
@pytest.mark.parametrize("action", ["failed", "success", "clear"])
def test_a_user_stops_the_task(rest: Rest, emulator: Emulator, mode: str, state: str, action: str) -> None:
    rest.wait_for(mode, action, "run", state)
    first = rest.until(lambda: apify_run_of(rest, mode, action))
    rest.until(lambda: is_waited_for(emulator, first))
    if action == "clear":
        rest.clear(mode, action, "run")
        second = rest.until(
            lambda: (found := apify_run_of(rest, mode, action)) not in (first, None) and found
        )
        rest.wait_for(mode, action, "run", state)
        rest.until(lambda: is_waited_for(emulator, second))
        assert effective_aborts(emulator, second) == 0
        rest.mark(mode, action, "run", "failed")
        rest.until(lambda: effective_aborts(emulator, second))
    else:
        rest.mark(mode, action, "run", action)
    rest.until(lambda: effective_aborts(emulator, first))
    assert effective_aborts(emulator, first) == 1


@pytest.mark.parametrize("dag_id", ["deferred_limited", "worker_limited"])
def test_execution_timeout_aborts_the_run(rest: Rest, emulator: Emulator, dag_id: str) -> None:
    rest.wait_for(dag_id, "one", "run", "failed")
    assert effective_aborts(emulator, apify_run_of(rest, dag_id, "one")) == 1


def is_waited_for(emulator: Emulator, run_id: str) -> bool:
    """
    Whether the long wait for the run has begun, on the worker or in the triggerer.

    In the second between a deferral and the start of its trigger, Airflow runs no code of a provider: what a
    user does to the task then, no provider can see.
    """
    polls = [seen for seen in emulator.requests if seen.path == f"/v2/actor-runs/{run_id}"]
    return any(int(seen.query.get("waitForFinish", 0)) > 30 for seen in polls)


def apify_run_of(rest: Rest, dag_id: str, run_id: str) -> Any:
    """The ID of the run that the task waits for, as its XCom tells."""
    return rest.xcoms(dag_id, run_id, "run").get("id")


def test_the_connection_form(rest: Rest) -> None:
    meta = {entry["connection_type"]: entry for entry in rest("GET", "/ui/connections/hook_meta")}["apify"]
    assert meta["hook_name"] == "Apify"
    assert meta["standard_fields"]["password"]["title"] == "API token"
    assert meta["standard_fields"]["host"]["placeholder"] == "https://api.apify.com"
    for field in CONNECTION_TYPE["ui-field-behaviour"]["hidden-fields"]:
        name = {"schema": "url_schema"}.get(field, field)
        assert meta["standard_fields"][name]["hidden"], field
    assert meta["extra_fields"].keys() == CONNECTION_TYPE["conn-fields"].keys()


def test_the_test_button(rest: Rest, apify: Any) -> None:
    connection = {"connection_id": "tried", "conn_type": "apify", "host": apify.url, "password": TOKEN}
    answer = rest("POST", "/api/v2/connections/test", connection)
    assert answer["status"]
    assert "as emulator" in answer["message"]
    answer = rest("POST", "/api/v2/connections/test", connection | {"password": "wrong"})
    assert not answer["status"]
    assert "Copy a valid API token" in answer["message"]


def test_the_token_is_masked(rest: Rest, apify: Any) -> None:
    connection = {"connection_id": "kept", "conn_type": "apify", "host": apify.url, "password": TOKEN}
    rest("POST", "/api/v2/connections", connection)
    assert rest("GET", "/api/v2/connections/kept")["password"] == "***"
