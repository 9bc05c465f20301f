"""Parameters are visible: to `inspect.signature` (IDEs, documentation), to mypy, and to AI agents."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_apify.get_provider_info import get_provider_info
from airflow_provider_apify.hooks.api_method import ApiMethod
from airflow_provider_apify.hooks.apify import ApifyHook


def public_classes() -> list[Any]:
    info = get_provider_info()
    modules = [
        module
        for kind in ("operators", "sensors")
        for group in info[kind]
        for module in group["python-modules"]
    ]
    return [
        class_
        for module in modules
        for name, class_ in vars(importlib.import_module(module)).items()
        if inspect.isclass(class_) and class_.__module__ == module and not name.startswith("_")
    ]


@pytest.mark.parametrize("class_", public_classes(), ids=lambda class_: class_.__name__)
def test_operators_and_sensors_show_and_document_each_parameter(class_: type[BaseOperator]) -> None:
    parameters = dict(inspect.signature(class_.__init__).parameters)
    assert parameters.pop("self")
    assert parameters.pop("kwargs").kind is inspect.Parameter.VAR_KEYWORD
    assert "apify_conn_id" in parameters
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters.values())
    # Whatever can be templated is a parameter, and the other way round for what the documentation says.
    assert set(class_.template_fields) <= parameters.keys()
    documented = set(re.findall(r":param (\w+):", class_.__doc__ or ""))
    of_airflow = {"task_id", "mode"}
    assert documented - of_airflow <= parameters.keys()
    if "that are not listed here" not in (class_.__doc__ or ""):
        assert parameters.keys() <= documented
    templated = set(re.findall(r":param (\w+):[^:]*?\(templated\)", class_.__doc__ or ""))
    assert templated <= set(class_.template_fields)


DURATIONS = {"wait_timeout", "wait_for_capacity", "run_timeout", "max_age", "poke_interval"}


def test_each_duration_takes_a_timedelta_or_seconds_and_says_so() -> None:
    entries = [*public_classes(), ApifyHook.wait_for_run]
    if airflow_version >= "3":
        entries.append(
            importlib.import_module("airflow_provider_apify.triggers.run_event").ApifyRunEventTrigger
        )
    found = set()
    for entry in entries:
        for name in DURATIONS & inspect.signature(entry).parameters.keys():
            found.add(name)
            assert "timedelta" in str(inspect.signature(entry).parameters[name].annotation)
            about = re.search(rf":param {name}:([^:]*)", entry.__doc__ or "")
            assert (about and "second" in about[1]) or "that are not listed here" in entry.__doc__
    assert found >= DURATIONS - {"poke_interval"}


def api_methods() -> list[str]:
    return [name for name, value in vars(ApifyHook).items() if isinstance(value, ApiMethod)]


@pytest.mark.parametrize("name", api_methods())
def test_hook_methods_show_parameters_and_result(name: str) -> None:
    for method in (getattr(ApifyHook, name), getattr(ApifyHook(), name)):
        signature = inspect.signature(method)
        assert all(
            parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values()
        )
        # What a user gets, not the call that is sent.
        assert not str(signature.return_annotation).startswith(("Call", "Flow"))
        assert method.__doc__.strip()
        assert method.__name__ == name.removeprefix("_")
        for parameter in signature.parameters.values():
            assert f":param {parameter.name}:" in method.__doc__


def test_an_agents_toolset_sees_the_hooks_methods() -> None:
    if airflow_version < "3":
        pytest.skip("AI toolsets need Airflow 3")
    toolsets = pytest.importorskip("airflow.providers.common.ai.toolsets.hook")
    methods = ["get_run", "list_runs", "start_actor_run", "iterate_items"]
    toolset = toolsets.HookToolset(ApifyHook(), allowed_methods=methods, max_retries=1)
    tools = asyncio.run(toolset.get_tools(None))
    schemas = {name: tool.tool_def.parameters_json_schema for name, tool in tools.items()}
    assert schemas["get_run"]["properties"]["run_id"]["type"] == "string"
    assert schemas["get_run"]["required"] == ["run_id"]
    assert schemas["list_runs"]["properties"]["limit"]["type"] == "integer"
    assert {"actor_id", "run_input", "options"} <= schemas["start_actor_run"]["properties"].keys()
    assert {"dataset_id", "fields", "limit"} <= schemas["iterate_items"]["properties"].keys()
    assert "Get a run" in tools["get_run"].tool_def.description


USERS_DAG = """
from datetime import timedelta

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator
from airflow_provider_apify.transfers.key_value_store import KeyValueStoreToLocalOperator

RunActorOperator(task_id="a", actor_id="me/crawler", max_items=5, run_timeout=timedelta(hours=1), retries=2)
RunActorOperator(task_id="a", actor_id="me/crawler", max_items=[5])  # wrong
RunActorOperator(task_id="a", actor_id="me/crawler", on_retry="resurect")  # wrong
RunTaskOperator(task_id="a", actor_task_id="me/job", returns="everything")  # wrong
RunTaskOperator(task_id="a")  # wrong
ApifyRunSensor(task_id="a", run_id="x", actor_log="full", timeout=60)
ApifyRunSensor(task_id="a", run_id="x", deferrable="no")  # wrong
DatasetToS3Operator(task_id="a", dataset_id="x", key="k", fields=["url"], rows_per_file=1000, retries=2)
DatasetToS3Operator(task_id="a", dataset_id="x", key="k", fields=5)  # wrong
KeyValueStoreToLocalOperator(task_id="a", key_value_store_id="x", path=1)  # wrong
run: ActorRun = ApifyHook().get_run("x", wait_for_finish=5)
user: int = ApifyHook().get_run("x")  # wrong
ApifyHook().get_run("x", wait=5)  # wrong
ApifyHook().abort_run("x", abort_gracefully=True)
ApifyHook().list_runs(task_id="x")  # wrong
for item in ApifyHook().iterate_items("x", limit=5):
    item["url"]
ApifyHook().iterate_items("x", desc=True)  # wrong


async def look() -> ActorRun:
    return await ApifyHook().get_run.aio("x")
"""


@pytest.mark.slow
def test_mypy_sees_the_parameters_in_a_users_dag(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is installed beside the newest Airflow only")
    dag = tmp_path / "users_dag.py"
    dag.write_text(USERS_DAG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--config-file=", str(dag)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    found = {int(number) for number in re.findall(r"users_dag\.py:(\d+): error", done.stdout)}
    wrong = {number for number, line in enumerate(USERS_DAG.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, done.stdout


def test_the_packages_types_are_shipped() -> None:
    import airflow_provider_apify

    assert (Path(airflow_provider_apify.__file__).parent / "py.typed").exists()
