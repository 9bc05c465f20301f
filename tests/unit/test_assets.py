"""`apify://` URIs, as Airflow takes them."""

from __future__ import annotations

from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_apify.api.errors import ApifyRunFailedError
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from tests.support.task_context import TaskTries


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("apify://datasets/abcDEF123", "apify://datasets/abcDEF123"),
        ("apify://datasets/emulator~feed", "apify://datasets/emulator~feed"),
        ("apify://actors/apify/web-scraper", "apify://actors/apify~web-scraper"),
        ("apify://key-value-stores/x/", "apify://key-value-stores/x"),
    ],
)
def test_a_uri_of_an_apify_resource_is_normalised(given: str, taken: str) -> None:
    assert Asset(uri=given).uri == taken


@pytest.mark.parametrize("given", ["apify://datasets", "apify://dataset/x", "apify://actors/a/b/c"])
def test_a_uri_of_no_apify_resource_is_refused(given: str) -> None:
    words = "names nothing at Apify"
    # Airflow 2 only warns.
    with pytest.warns(match=words) if airflow_version < "3" else pytest.raises(ValueError, match=words):
        Asset(uri=given)


@pytest.mark.usefixtures("server", "fast_clock")
@pytest.mark.parametrize("teller", ["operator", "sensor"])
def test_a_finished_run_is_reported_to_the_lineage_collector(
    task_tries: TaskTries, lineage: list[tuple[str, str]], teller: str
) -> None:
    operator: Any = RunActorOperator(
        task_id="run", actor_id="emulator/worker", wait_for_completion=teller == "operator"
    )
    info = operator.execute(task_tries.context)
    if teller == "sensor":
        operator = ApifyRunSensor(task_id="wait", run_id=info["id"])
        info = operator.execute(task_tries.context)
    outputs = [
        f"apify://datasets/{info['defaultDatasetId']}",
        f"apify://key-value-stores/{info['defaultKeyValueStoreId']}",
    ]
    assert lineage == [
        ("input", f"apify://actors/{info['actId']}"),
        *(("output", output) for output in outputs),
    ]
    told = operator.get_openlineage_facets_on_complete(None)
    assert [f"{dataset.namespace}/{dataset.name}" for dataset in told.outputs] == outputs
    facet = told.run_facets["apify_run"]
    assert (facet.actorId, facet.buildNumber) == (info["actId"], info["buildNumber"])
    assert facet.usageTotalUsd == info["usageTotalUsd"]
    assert told.run_facets["externalQuery"].externalQueryId == info["id"]


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_failed_run_is_reported_to_the_lineage_collector(task_tries: TaskTries) -> None:
    operator = RunActorOperator(
        task_id="run", actor_id="emulator/worker", run_input={"fail": True}, wait_for_completion=True
    )
    with pytest.raises(ApifyRunFailedError):
        operator.execute(task_tries.context)
    assert operator.get_openlineage_facets_on_failure(None).run_facets["apify_run"].status == "FAILED"
