"""Events at Apify start DAGs in a running Airflow, by a watcher and by webhooks; logs outlive a triggerer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest
from airflow import __version__ as airflow_version

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.webhook import CreateOrUpdateWebhookOperator
from tests.airflow.conftest import DAGS_3, TOKEN, is_waited_for
from tests.support.airflow_api import AirflowApi, wait_for
from tests.support.airflow_home import AirflowHome
from tests.support.connections import set_connection
from tests.support.processes import end_process_group

pytestmark = pytest.mark.skipif(airflow_version < "3.3", reason="asset events and REST as in Airflow 3.3")

# One a second. The run must go on until the second triggerer is up and waits for it: twelve seconds pass
# before the first one waits, and the restart takes another twenty, or more on a busy machine.
LINES = 60


@pytest.fixture(scope="module")
def api(airflow: AirflowHome, emulator: Emulator) -> Iterator[AirflowApi]:
    """The REST API of a running Airflow that wants to know who asks."""

    @emulator.actor("emulator/talker")
    def talk(actor: Any) -> None:
        for number in range(LINES):
            actor.log(f"<{number}>")
            actor.sleep(1)

    airflow.use_dags(DAGS_3)
    with airflow.standalone(password="s3cret") as api:
        connection = {"connection_id": "airflow_api", "conn_type": "http", "host": api.url}
        api.post("/api/v2/connections", connection | {"password": token_of(api)})
        yield api


def token_of(api: AirflowApi) -> str:
    """Return the token that the client sends."""
    return api.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def crawl(server: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Run the Actor to its end, as somebody else than Airflow would."""
    set_connection(monkeypatch, host=server.url, password=TOKEN)
    hook = ApifyHook()
    order = {"startUrls": [{"url": "http://example.com/"}], "maxCrawlPages": 1}
    return lambda: hook.wait_for_run(hook.start_actor_run("emulator/crawler", order).id)


def results(api: AirflowApi, dag_id: str, task_id: str) -> list[Any]:
    """Return what the task returned in all successful runs of the DAG."""
    runs = api.get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
    paths = [api.path(dag_id, run["dag_run_id"], task_id) for run in runs if run["state"] == "success"]
    return [api.get(f"{path}/xcomEntries/return_value")["value"] for path in paths]


def test_a_watcher_starts_a_dag_for_each_run(api: AirflowApi, emulator: Emulator, crawl: Any) -> None:
    api.unpause("watched")
    asked = len(emulator.requests)
    wait_for(lambda: [seen for seen in emulator.requests[asked:] if seen.path == "/v2/actor-runs"][4:])
    runs = [crawl().id, crawl().id]
    told = wait_for(lambda: (found := str(results(api, "watched", "tell_of_runs"))).count("'") >= 4 and found)
    assert sorted(re.findall(r"\w{17}", told)) == sorted(runs)


def test_a_webhook_starts_a_dag(api: AirflowApi, crawl: Any) -> None:
    api.unpause("hooked")
    api.start_dag("hooks", "once", airflow=api.url)
    api.wait_for_state("hooks", "once", "start_a_dag", "success")
    run = crawl()
    wait_for(lambda: results(api, "hooked", "tell_of_run") == [run.data["defaultDatasetId"]])
    assert api.get(f"/api/v2/dags/hooked/dagRuns/apify__{run.id}")["state"] == "success"


def test_a_webhook_makes_an_asset_event(api: AirflowApi, crawl: Any) -> None:
    api.unpause("announced")
    (asset,) = api.get("/api/v2/assets?name_pattern=announced")["assets"]
    CreateOrUpdateWebhookOperator(
        task_id="make_an_asset_event",
        idempotency_key="announce-the-asset",
        event_types=["ACTOR.RUN.SUCCEEDED"],
        actor_id="emulator/crawler",
        request_url=f"{api.url}/api/v2/assets/events",
        headers_template=json.dumps({"Authorization": f"Bearer {token_of(api)}"}),
        payload_template=f'{{"asset_id": {asset["id"]}, "extra": {{"id": {{{{resource.id}}}}}}}}',
    ).execute({})
    run = crawl()
    wait_for(lambda: run.id in str(results(api, "announced", "tell_of_announcements")))


def test_each_line_of_the_log_of_a_deferred_task_comes_once_over_a_restart_of_the_triggerer(
    api: AirflowApi, airflow: AirflowHome, emulator: Emulator
) -> None:
    api.start_dag("talking", "one")
    talk = api.path("talking", "one", "talk")
    api.wait_for_state("talking", "one", "talk", "deferred")
    run_id = api.get(f"{talk}/xcomEntries/id")["value"]
    wait_for(lambda: is_waited_for(emulator, run_id))
    with restarted_triggerer(airflow):
        api.wait_for_state("talking", "one", "talk", "success", seconds=180)
        log = api.get(f"{talk}/logs/1?full_content=true")
    assert [int(number) for number in re.findall(r"<(\d+)>", json.dumps(log))] == list(range(LINES))


@contextmanager
def restarted_triggerer(airflow: AirflowHome) -> Iterator[None]:
    """Stop the triggerer of this Airflow, and start another one in its place."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            env = process.environ()
            if process.cmdline()[-1:] == ["triggerer"] and env.get("AIRFLOW_HOME") == str(airflow.path):
                process.terminate()
                break
    else:
        raise AssertionError("There is no triggerer.")
    command = [sys.executable, "-m", "airflow", "triggerer"]
    with subprocess.Popen(command, env=env, start_new_session=True) as another:
        try:
            yield
        finally:
            end_process_group(another)
