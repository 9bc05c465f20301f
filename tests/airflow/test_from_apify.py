"""What happens at Apify sets off DAGs in a running Airflow: by a watcher, by webhooks; and logs get there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.webhook import CreateOrUpdateWebhookOperator
from tests.airflow.conftest import TOKEN
from tests.airflow.steering import Airflow, Rest, end_group
from tests.support.connections import set_connection

pytestmark = pytest.mark.skipif(airflow_version < "3.3", reason="asset events and REST as in Airflow 3.3")

LINES = 60


@pytest.fixture(scope="module")
def rest(airflow: Airflow, emulator: Emulator) -> Iterator[Rest]:
    """The REST API of a running Airflow that wants to know who asks."""

    @emulator.actor("emulator/talker")
    def talk(actor: Any) -> None:
        for number in range(LINES):
            actor.log(f"<{number}>")
            actor.sleep(1)

    airflow.env["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parent / "dags_3")
    # So that the Actor's log comes in several batches.
    apify = json.loads(airflow.env["AIRFLOW_CONN_APIFY_DEFAULT"]) | {"extra": {"long_poll_seconds": 5}}
    airflow.env["AIRFLOW_CONN_APIFY_DEFAULT"] = json.dumps(apify)
    with airflow.standalone(password="s3cret") as rest:
        rest("POST", "/api/v2/connections", airflow_connection(rest))
        yield rest


def airflow_connection(rest: Rest) -> Any:
    return {"connection_id": "airflow_api", "conn_type": "http", "host": rest.url, "password": token_of(rest)}


def token_of(rest: Rest) -> str:
    return rest.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def crawl(apify: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the Actor to its end, as somebody else than Airflow would."""
    set_connection(monkeypatch, host=apify.url, password=TOKEN)
    hook = ApifyHook()
    order = {"startUrls": [{"url": "http://example.com/"}], "maxCrawlPages": 1}
    return lambda: hook.wait_for_run(hook.start_actor_run("emulator/crawler", order).id)


def unpause(rest: Rest, dag_id: str) -> None:
    def known() -> bool:
        return dag_id in {dag["dag_id"] for dag in rest("GET", "/api/v2/dags")["dags"]}

    rest.until(known)
    rest("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})


def results(rest: Rest, dag_id: str, task_id: str) -> list[Any]:
    """What the task returned in all successful runs of the DAG."""
    found = []
    for run in rest("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]:
        if run["state"] == "success":
            at = f"/api/v2/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}"
            found.append(rest("GET", f"{at}/xcomEntries/return_value")["value"])
    return found


def test_a_watcher(rest: Rest, emulator: Emulator, crawl: Any) -> None:
    unpause(rest, "watched")
    asked = len(emulator.requests)
    rest.until(lambda: [seen for seen in emulator.requests[asked:] if seen.path == "/v2/actor-runs"][4:])
    runs = [crawl().id, crawl().id]
    told = rest.until(
        lambda: (found := str(results(rest, "watched", "tell_of_runs"))).count("'") >= 4 and found
    )
    assert sorted(re.findall(r"\w{17}", told)) == sorted(runs)


def test_a_webhook_starts_a_dag(rest: Rest, emulator: Emulator, crawl: Any) -> None:
    unpause(rest, "hooked")
    rest.start_dag("hooks", "once", airflow=rest.url)
    rest.wait_for("hooks", "once", "start_a_dag", "success")
    run = crawl()
    rest.until(lambda: results(rest, "hooked", "tell_of_run") == [run.data["defaultDatasetId"]])
    assert rest("GET", f"/api/v2/dags/hooked/dagRuns/apify__{run.id}")["state"] == "success"


def test_a_webhook_makes_an_asset_event(rest: Rest, crawl: Any) -> None:
    unpause(rest, "announced")
    (asset,) = rest("GET", "/api/v2/assets?name_pattern=announced")["assets"]
    CreateOrUpdateWebhookOperator(
        task_id="make_an_asset_event",
        idempotency_key="announce-the-asset",
        event_types=["ACTOR.RUN.SUCCEEDED"],
        actor_id="emulator/crawler",
        request_url=f"{rest.url}/api/v2/assets/events",
        headers_template=json.dumps({"Authorization": f"Bearer {token_of(rest)}"}),
        payload_template=f'{{"asset_id": {asset["id"]}, "extra": {{"id": {{{{resource.id}}}}}}}}',
    ).execute({})
    run = crawl()
    rest.until(lambda: run.id in str(results(rest, "announced", "tell_of_announcements")))


def test_the_log_of_a_deferred_task_over_a_restart_of_the_triggerer(rest: Rest, airflow: Airflow) -> None:
    rest.start_dag("talking", "one")
    at = "/api/v2/dags/talking/dagRuns/one/taskInstances/talk"
    rest.wait_for("talking", "one", "talk", "deferred")
    rest.until(lambda: "apify_log_position" in str(rest("GET", f"{at}/xcomEntries")))
    with restarted_triggerer(airflow):
        rest.wait_for("talking", "one", "talk", "success", seconds=180)
        log = rest("GET", f"{at}/logs/1?full_content=true")
    assert [int(number) for number in re.findall(r"<(\d+)>", json.dumps(log))] == list(range(LINES))


@contextmanager
def restarted_triggerer(airflow: Airflow) -> Iterator[None]:
    """Stop the triggerer of this Airflow, and start another one in its place."""
    home = f"AIRFLOW_HOME={airflow.home}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = process.joinpath("cmdline").read_bytes().split(b"\0")
            environment = process.joinpath("environ").read_bytes().split(b"\0")
            if command[-2:-1] == [b"triggerer"] and home in environment:
                os.kill(int(process.name), signal.SIGTERM)
                break
    else:
        raise AssertionError("There is no triggerer.")
    env = {
        os.fsdecode(k): os.fsdecode(v) for k, _, v in (pair.partition(b"=") for pair in environment if pair)
    }
    with subprocess.Popen(
        [sys.executable, "-m", "airflow", "triggerer"], env=env, start_new_session=True
    ) as another:
        try:
            yield
        finally:
            end_group(another)
