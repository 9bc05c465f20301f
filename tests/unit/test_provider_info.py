"""What Airflow is told of the provider, and what it makes of it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

import airflow_provider_apify
from airflow_provider_apify.get_provider_info import CONNECTION_TYPE, get_provider_info
from airflow_provider_apify.hooks.apify import ApifyHook

PACKAGE = Path(airflow_provider_apify.__file__).parent


def test_the_provider_info_is_the_entry_point_of_the_distribution() -> None:
    (entry_point,) = importlib.metadata.entry_points(
        group="apache_airflow_provider", module="airflow_provider_apify.get_provider_info"
    )
    assert entry_point.load() is get_provider_info
    assert get_provider_info()["package-name"] == "airflow-provider-apify"


def test_everything_that_the_provider_info_names_exists() -> None:
    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for group in info[kind]:
            for module in group["python-modules"]:
                # What needs a newer Airflow says so in the way that Airflow has for it.
                with contextlib.suppress(AirflowOptionalProviderFeatureException):
                    importlib.import_module(module)
    transfers = {transfer["python-module"].rpartition(".")[2] for transfer in info["transfers"]}
    assert transfers == {path.stem for path in (PACKAGE / "transfers").glob("[!_]*.py")} - {"base"}
    dotted = [*info["extra-links"], *(entry["hook-class-name"] for entry in info["connection-types"])]
    dotted += [entry["class-name"] for entry in info["task-decorators"]]
    for path in dotted:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name)


def test_airflow_accepts_the_provider_info() -> None:
    from airflow.providers_manager import ProvidersManager

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        manager = ProvidersManager()  # type: ignore[no-untyped-call]
        assert "airflow-provider-apify" in manager.providers
        hook = manager.hooks["apify"]
    assert not [warning for warning in caught if "apify" in str(warning.message).lower()]
    assert hook is not None
    assert (hook.hook_name, hook.connection_id_attribute_name) == ("Apify", "apify_conn_id")


def test_old_and_new_airflow_show_the_same_form() -> None:
    pytest.importorskip("flask_appbuilder", reason="only Airflow before 3 has the form that needs it")
    widgets = ApifyHook.get_connection_form_widgets()
    assert {name: field.args[0] for name, field in widgets.items()} == {
        name: spec["label"] for name, spec in CONNECTION_TYPE["conn-fields"].items()
    }


def test_old_airflow_hides_and_relabels_the_same_fields() -> None:
    behaviour = ApifyHook.get_ui_field_behaviour()
    assert behaviour == {
        "hidden_fields": CONNECTION_TYPE["ui-field-behaviour"]["hidden-fields"],
        "relabeling": CONNECTION_TYPE["ui-field-behaviour"]["relabeling"],
        "placeholders": CONNECTION_TYPE["ui-field-behaviour"]["placeholders"],
    }


@pytest.mark.slow
def test_a_dag_file_stays_cheap_to_parse() -> None:
    """Importing every operator, sensor and transfer loads no HTTP, S3 or Parquet library."""
    modules = [
        ".".join(["airflow_provider_apify", folder, path.stem])
        for folder in ("operators", "sensors", "transfers")
        for path in (PACKAGE / folder).glob("[!_]*.py")
    ]
    assert modules
    script = (
        "import importlib, json, sys\n"
        "import airflow.providers.common.compat.sdk as sdk\n"
        "sdk.BaseOperator, sdk.BaseSensorOperator, sdk.BaseHook\n"
        "before = set(sys.modules)\n"
        f"[importlib.import_module(name) for name in {modules!r}]\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    output = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:airflow_provider_apify", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    loaded = {name.partition(".")[0] for name in json.loads(output.splitlines()[-1])}
    assert not loaded & {"requests", "aiohttp", "boto3", "botocore", "pyarrow", "pandas", "s3fs"}
