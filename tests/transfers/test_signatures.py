"""Every public transfer shows all its parameters, with their types, to `inspect` and to editors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify import transfers
from airflow_provider_apify.transfers.base import DatasetTransfer, Transfer
from airflow_provider_apify.transfers.key_value_store import KeyValueStoreTransfer

WHERE: dict[str, dict[str, Any]] = {
    "Local": {"path": "out.jsonl"},
    "S3": {"key": "out.jsonl", "bucket_name": "bucket", "aws_conn_id": "aws_default"},
    "ObjectStorage": {"path": "file:///tmp/out.jsonl", "conn_id": None},
}
COMMON = {"replace", "concurrency", "apify_conn_id"}
DATASET = COMMON | {
    "dataset_id",
    "format",
    "offset",
    "limit",
    "fields",
    "omit",
    "unwind",
    "flatten",
    "clean",
    "skip_hidden",
    "skip_empty",
    "view",
    "delimiter",
    "bom",
    "rows_per_file",
    "expected_rows",
    "fail_on_empty",
    "checksum",
}
KEY_VALUE_STORE = COMMON | {"key_value_store_id", "keys", "prefix"}


def public_transfers() -> list[type[Transfer]]:
    """Find the public classes of the package."""
    modules = [
        importlib.import_module(f"{transfers.__name__}.{module.name}")
        for module in pkgutil.iter_modules(transfers.__path__)
    ]
    found = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    return sorted(
        (cls for cls in found if issubclass(cls, Transfer) and cls.__name__.endswith("Operator")),
        key=lambda cls: cls.__name__,
    )


def test_there_is_a_transfer_for_each_storage_and_store() -> None:
    names = {f"{storage}To{store}Operator" for storage in ("Dataset", "KeyValueStore") for store in WHERE}
    assert {cls.__name__ for cls in public_transfers()} == names


@pytest.mark.parametrize("operator", public_transfers())
def test_the_signature_shows_every_parameter_with_its_type(operator: Any) -> None:
    parameters = dict(inspect.signature(operator).parameters)
    assert parameters.pop("kwargs").kind is inspect.Parameter.VAR_KEYWORD
    store = operator.__name__.removesuffix("Operator").partition("To")[2]
    shared = DATASET if issubclass(operator, DatasetTransfer) else KEY_VALUE_STORE
    assert set(parameters) == shared | set(WHERE[store])
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    assert all(
        parameter.annotation not in (inspect.Parameter.empty, "Any") for parameter in parameters.values()
    )


@pytest.mark.parametrize("operator", public_transfers())
def test_every_parameter_becomes_an_attribute(operator: Any) -> None:
    parameters = [name for name in inspect.signature(operator).parameters if name != "kwargs"]
    arguments = {name: f"given {name}" for name in parameters}
    task = operator(task_id="land", **arguments)
    assert {name: getattr(task, name) for name in parameters} == arguments
    assert set(task.template_fields) <= set(parameters)


@pytest.mark.parametrize("operator", public_transfers())
def test_every_shared_parameter_is_documented_in_the_base(operator: Any) -> None:
    base = DatasetTransfer if issubclass(operator, DatasetTransfer) else KeyValueStoreTransfer
    text = f"{operator.__doc__}{base.__doc__}"
    for name in inspect.signature(operator).parameters:
        assert name == "kwargs" or f":param {name}:" in text


@pytest.mark.parametrize("operator", public_transfers())
def test_default_args_reach_every_parameter(operator: Any) -> None:
    parameters = [name for name in inspect.signature(operator).parameters if name != "kwargs"]
    arguments = {name: f"default {name}" for name in parameters}
    task = operator(task_id="land", default_args=arguments)
    assert {name: getattr(task, name) for name in parameters} == arguments


@pytest.mark.parametrize("operator", public_transfers())
def test_every_parameter_can_be_mapped(operator: Any) -> None:
    parameters = [name for name in inspect.signature(operator).parameters if name != "kwargs"]
    first, *others = parameters
    with DAG("dag", schedule=None):
        arguments = {name: f"given {name}" for name in others}
        mapped = operator.partial(task_id="land", **arguments).expand(**{first: ["a", "b"]})
        with pytest.raises(TypeError, match="nonsense"):
            operator.partial(task_id="other", nonsense=1)
    task = mapped.unmap({first: "b"})
    assert {name: getattr(task, name) for name in parameters} == {first: "b", **arguments}
