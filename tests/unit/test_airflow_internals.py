"""
The names of Airflow that Airflow does not promise, or that only some versions have: each test fails when a
version changes what the module of that concern rests on, and says which module that is.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, XCom
from airflow.triggers.base import BaseTrigger
from packaging.version import Version

from airflow_provider_apify.runs import stop_or_shutdown

AIRFLOW = Version(Version(airflow_version).base_version)
from_3 = pytest.mark.skipif(Version("3.0") > AIRFLOW, reason="Airflow 3 only")
from_3_3 = pytest.mark.skipif(Version("3.3") > AIRFLOW, reason="Airflow 3.3 and later only")


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_an_operator_may_join_in_the_rendering_of_its_templates() -> None:
    """`runs/input_rendering_and_masking.py`."""
    render = BaseOperator._do_render_template_fields
    assert parameters(render)[:4] == ["parent", "template_fields", "context", "jinja_env"]


@from_3
def test_a_task_can_ask_for_its_state_on_airflow_3() -> None:
    """`runs/stop_or_shutdown.py`."""
    ask = vars(stop_or_shutdown)["RuntimeTaskInstance"].get_task_states
    assert {"dag_id", "map_index", "task_ids", "run_ids"} <= set(parameters(ask))


@pytest.mark.skipif(Version("3.0") <= AIRFLOW, reason="Airflow 2 only")
def test_a_task_can_ask_for_its_state_on_airflow_2() -> None:
    """`runs/stop_or_shutdown.py`."""
    columns = {"dag_id", "task_id", "run_id", "map_index", "state", "trigger_id"}
    assert columns <= set(vars(stop_or_shutdown)["TaskInstance"].__table__.columns.keys())


def test_airflow_tells_a_trigger_of_a_kill_from_3_3_on() -> None:
    """`runs/stop_or_shutdown.py`."""
    assert hasattr(BaseTrigger, "on_kill") is stop_or_shutdown.AIRFLOW_CALLS_ON_KILL


@from_3_3
def test_the_context_has_a_task_state_store() -> None:
    """`runs/start_intent.py`."""
    from airflow.sdk.definitions.context import Context
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    assert "task_state_store" in Context.__annotations__
    assert {"get", "set", "delete"} <= set(vars(TaskStateStoreAccessor))


@from_3_3
def test_event_triggers_may_share_a_stream_and_keep_state() -> None:
    """`triggers/run_event.py`."""
    from airflow.triggers.base import BaseEventTrigger

    assert parameters(BaseEventTrigger.open_shared_stream) == ["kwargs"]
    assert parameters(BaseEventTrigger.filter_shared_stream) == ["shared_stream"]
    assert parameters(BaseEventTrigger.shared_stream_key) == []
    assert "asset_state_store" in inspect.getsource(BaseEventTrigger)


def test_a_link_is_read_from_an_xcom() -> None:
    """`links.py`."""
    assert {"key", "ti_key"} <= set(parameters(XCom.get_value))
    assert hasattr(BaseOperatorLink, "xcom_key") is (Version("3.0") <= AIRFLOW)


def test_the_collector_of_lineage_takes_uris() -> None:
    """`runs/lineage.py`; on Airflow 2 an asset is a dataset, which common-compat renames."""
    on_3 = Version("3.0") <= AIRFLOW
    collector = importlib.import_module("airflow.sdk.lineage" if on_3 else "airflow.lineage.hook")
    for direction in ("input", "output"):
        method = f"add_{direction}_{'asset' if on_3 else 'dataset'}"
        assert {"context", "uri"} <= set(parameters(getattr(collector.HookLineageCollector, method)))
