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
from tests.airflow.conftest import DAGS, TOKEN, assert_token_is_in_no_file, is_waited_for
from tests.support.airflow_api import AirflowApi, wait_for
from tests.support.airflow_home import AirflowHome
from tests.support.browser import CHROMIUM, text_of_page

pytestmark = pytest.mark.skipif(
    airflow_version < "3.3", reason="the REST API of Airflow 3 steers these tests"
)


# A fold that nothing ends; a window's title and writing from right to left; the end of a fold; a plain line.
FORGED = "::group::hidden\n\x1b]0;title\x07one \u202etwo\r::endgroup::\nlast words"
SHOWN = [r"\x3a:group::hidden", r"\x1b]0;title\x07one \u202etwo", r"\x3a:endgroup::", "last words"]


@pytest.fixture(scope="module")
def api(airflow: AirflowHome, emulator: Emulator) -> Iterator[AirflowApi]:
    """The REST API of a running Airflow that has the test DAGs."""

    @emulator.actor("emulator/forger")
    def forge(actor: Any) -> None:
        actor.log(FORGED)
        actor.fail(FORGED)

    airflow.use_dags(DAGS)
    with airflow.standalone() as api:
        api.start_dag("forged", "one")
        # All at once: most of what these tests do is waiting.
        for mode, action in product(("deferred", "worker"), ("failed", "success", "clear")):
            api.start_dag(mode, action)
        for dag_id in ("deferred_limited", "worker_limited"):
            api.start_dag(dag_id, "one")
        yield api


def effective_aborts(emulator: Emulator, run_id: str) -> int:
    """Return how many requests stopped the run."""
    return sum(abort["effective"] for abort in emulator.aborts if abort["runId"] == run_id)


def apify_run_of(api: AirflowApi, dag_id: str, run_id: str) -> Any:
    """Return the ID of the run that the task waits for, as its XCom tells."""
    return api.xcoms(dag_id, run_id, "run").get("id")


def test_chain_shows_links_and_xcoms_while_it_waits_and_no_token(
    api: AirflowApi, airflow: AirflowHome, emulator: Emulator, tmp_path: Path
) -> None:
    api.start_dag("chain", "one", seconds=12, folder=str(tmp_path))
    api.wait_for_state("chain", "one", "wait", "deferred")
    run, wait = (api.path("chain", "one", task_id) for task_id in ("run", "wait"))
    apify_run_id = api.get(f"{run}/xcomEntries/id")["value"]
    (apify_run,) = [run for run in emulator.runs if run["id"] == apify_run_id]
    url = f"https://console.apify.com/actors/runs/{apify_run['id']}"
    for path in (run, wait):
        assert api.get(f"{path}/links")["extra_links"] == {"Apify Console": url}
    info = api.get(f"{run}/xcomEntries/return_value?deserialize=false")["value"]
    assert apify_run["defaultDatasetId"] in str(info)
    assert api.get(f"{run}/xcomEntries/defaultDatasetId")["value"] == apify_run["defaultDatasetId"]
    # While a trigger waits, its arguments lie in the database.
    assert_token_is_in_no_file(airflow)
    api.wait_for_state("chain", "one", "wait", "success")
    api.wait_for_state("chain", "one", "land", "success")
    assert len((tmp_path / "one.jsonl").read_text().splitlines()) == 5


def test_a_failed_run_fails_the_sensor_and_never_skips_it(api: AirflowApi) -> None:
    api.start_dag("chain", "failing", seconds=8, fail="yes", folder="/nonexistent")
    api.wait_for_state("chain", "failing", "wait", "failed")
    log = str(api.get(f"{api.path('chain', 'failing', 'wait')}/logs/1"))
    assert "ApifyRunFailedError" in log
    assert "failed as told" in log


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
def test_the_page_of_the_log_shows_what_an_actor_tries_to_hide(api: AirflowApi, tmp_path: Path) -> None:
    api.wait_for_state("forged", "one", "run", "failed")
    url = f"{api.url}/dags/forged/runs/one/tasks/run?try_number=1"

    def log() -> str | None:
        text = text_of_page(url, tmp_path)
        return text if "ended as FAILED after" in text else None

    text = wait_for(log)
    assert f"is FAILED. {' '.join(SHOWN)}" in text
    assert f"ended as FAILED (exit code 1): {' '.join(SHOWN)}" in text
    _, _, tail = text.partition("Last lines of its log:")
    # Of each line the Actor's text; Apify sets a time before it.
    for line in SHOWN:
        assert line in tail


@pytest.mark.parametrize(("mode", "state"), [("deferred", "deferred"), ("worker", "running")])
@pytest.mark.parametrize("action", ["failed", "success", "clear"])
def test_a_user_who_stops_the_task_aborts_its_run_once(
    api: AirflowApi, emulator: Emulator, mode: str, state: str, action: str
) -> None:
    api.wait_for_state(mode, action, "run", state)
    first = wait_for(lambda: apify_run_of(api, mode, action))
    wait_for(lambda: is_waited_for(emulator, first))
    if action == "clear":
        api.clear(mode, action, "run")
        second = wait_for(lambda: (found := apify_run_of(api, mode, action)) not in (first, None) and found)
        api.wait_for_state(mode, action, "run", state)
        wait_for(lambda: is_waited_for(emulator, second))
        assert effective_aborts(emulator, second) == 0
        api.mark(mode, action, "run", "failed")
        wait_for(lambda: effective_aborts(emulator, second))
    else:
        api.mark(mode, action, "run", action)
    wait_for(lambda: effective_aborts(emulator, first))
    assert effective_aborts(emulator, first) == 1


@pytest.mark.parametrize("dag_id", ["deferred_limited", "worker_limited"])
def test_execution_timeout_aborts_the_run(api: AirflowApi, emulator: Emulator, dag_id: str) -> None:
    api.wait_for_state(dag_id, "one", "run", "failed")
    assert effective_aborts(emulator, apify_run_of(api, dag_id, "one")) == 1


def test_the_connection_form_has_our_fields(api: AirflowApi) -> None:
    meta = {entry["connection_type"]: entry for entry in api.get("/ui/connections/hook_meta")}["apify"]
    assert meta["hook_name"] == "Apify"
    assert meta["standard_fields"]["password"]["title"] == "API token"
    assert meta["standard_fields"]["host"]["placeholder"] == "https://api.apify.com"
    for field in CONNECTION_TYPE["ui-field-behaviour"]["hidden-fields"]:
        name = {"schema": "url_schema"}.get(field, field)
        assert meta["standard_fields"][name]["hidden"], field
    assert meta["extra_fields"].keys() == CONNECTION_TYPE["conn-fields"].keys()


def test_the_test_button_tells_a_valid_token_from_a_wrong_one(api: AirflowApi, server: Any) -> None:
    connection = {"connection_id": "tried", "conn_type": "apify", "host": server.url, "password": TOKEN}
    answer = api.post("/api/v2/connections/test", connection)
    assert answer["status"]
    assert "as emulator" in answer["message"]
    answer = api.post("/api/v2/connections/test", connection | {"password": "wrong"})
    assert not answer["status"]
    assert "Copy a valid API token" in answer["message"]


def test_the_token_of_a_stored_connection_is_masked(api: AirflowApi, server: Any) -> None:
    connection = {"connection_id": "kept", "conn_type": "apify", "host": server.url, "password": TOKEN}
    api.post("/api/v2/connections", connection)
    assert api.get("/api/v2/connections/kept")["password"] == "***"
