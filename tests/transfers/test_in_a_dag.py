"""Transfers as tasks of a DAG: fed by XCom, mapped, rendered from templates, and followed by lineage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, XComArg

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator

OPERATORS = [(DatasetToLocalOperator, {"path": "out.jsonl"}), (DatasetToS3Operator, {"key": "out.jsonl"})]


@pytest.mark.parametrize(("operator", "where"), OPERATORS)
def test_arguments_are_stored_as_they_are(operator: Any, where: dict[str, str]) -> None:
    with DAG("dag", schedule=None):
        run: Any = RunActorOperator(task_id="run", actor_id="a/b")
        task = operator(task_id="land", dataset_id=run.output["defaultDatasetId"], limit="{{ 1 }}", **where)
    assert isinstance(task.dataset_id, XComArg)
    assert task.limit == "{{ 1 }}"
    assert task.upstream_task_ids == {"run"}
    assert task.multiple_outputs
    assert all(hasattr(task, field) for field in task.template_fields)


@pytest.mark.parametrize(("operator", "where"), OPERATORS)
def test_can_be_mapped(operator: Any, where: dict[str, str]) -> None:
    name, path = next(iter(where.items()))
    with DAG("dag", schedule=None):
        mapped = operator.partial(task_id="land", clean=True).expand_kwargs([{"dataset_id": "x", name: path}])
    assert mapped.partial_kwargs["clean"] is True


@pytest.mark.usefixtures("server")
def test_templates_are_rendered(emulator: Emulator, tmp_path: Path) -> None:
    from jinja2 import Environment

    dataset_id = emulator.create_dataset([{"n": n, "m": n} for n in range(9)])
    task = DatasetToLocalOperator(
        task_id="land",
        dataset_id="{{ dataset }}",
        path=f"{tmp_path}/{{{{ day }}}}/out.csv",
        limit="{{ 2 + 1 }}",
        fields="{{ 'n,m' }}",
    )
    context: Any = {"dataset": dataset_id, "day": "2026-11-23"}
    task.render_template_fields(context, Environment())
    result = task.execute({})
    assert (tmp_path / "2026-11-23" / "out.csv").read_text() == "n,m\n0,0\n1,1\n2,2\n"
    assert len(json.dumps(result)) < 2048


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_transfer_reports_its_lineage(
    emulator: Emulator, tmp_path: Path, lineage: list[tuple[str, str]]
) -> None:
    items = [{"n": n} for n in range(700)]
    dataset_id = emulator.create_dataset(items)
    path = tmp_path / "out.jsonl"
    task = DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(path))
    result = task.execute({})
    assert lineage == [("input", f"apify://datasets/{dataset_id}"), ("output", path.as_uri())]
    assert len(json.dumps(result)) < 2048
    asked = len(emulator.requests)
    told = task.get_openlineage_facets_on_complete(None)
    assert [(told.inputs[0].namespace, told.inputs[0].name)] == [("apify://datasets", dataset_id)]
    assert (told.outputs[0].namespace, told.outputs[0].name) == ("file", str(path))
    statistics = told.outputs[0].outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size, statistics.fileCount) == (len(items), result["bytes"], 1)
    assert result["duration"] == round(result["duration"], 3)
    assert len(emulator.requests) == asked
