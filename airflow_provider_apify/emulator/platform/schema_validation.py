"""Validation against JSON schemas: Actor input and dataset items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import ApiError


def check_input(actor: Actor, value: Any) -> None:
    """Refuse input that does not fit the Actor's input schema; an Actor without one takes any input."""
    if actor.input_schema is None:
        return
    problems = [
        f"Field {'.'.join(['input', *map(str, error['path'])])} {error['message']}"
        for error in _errors(actor.input_schema, value or {})
    ]
    if problems:
        raise ApiError(400, "invalid-input", f"Input is not valid: {', '.join(problems)}")


def check_items(dataset_schema: dict[str, Any], items: list[dict[str, Any]]) -> None:
    """Refuse all items if one does not fit the ``fields`` of a dataset schema."""
    fields = dataset_schema.get("fields")
    if not isinstance(fields, dict) or not fields:
        return
    invalid = []
    for position, item in enumerate(items):
        problems = [
            {
                "instancePath": "".join(f"/{part}" for part in error["path"]),
                "schemaPath": "#/" + "/".join(map(str, error["schema_path"])),
                "keyword": error["keyword"],
                "message": error["message"],
                "params": {},
            }
            for error in _errors(fields, item)
        ]
        if problems:
            invalid.append({"itemPosition": position, "validationErrors": problems})
    if invalid:
        raise ApiError(400, "schema-validation-error", "Schema validation failed", {"invalidItems": invalid})


def _errors(schema: dict[str, Any], value: Any) -> Iterable[dict[str, Any]]:
    try:
        from jsonschema import Draft7Validator, SchemaError
    except ImportError:
        raise ApiError(
            501,
            "not-implemented",
            "The emulator checks schemas with jsonschema: install its extra `emulator`.",
        ) from None
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as problem:
        raise ApiError(400, "invalid-input-schema", f"The schema is not valid: {problem.message}") from None
    for error in sorted(
        Draft7Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path))
    ):
        if error.instance is None and isinstance(error.schema, dict) and error.schema.get("nullable"):
            continue
        yield {
            "path": list(error.absolute_path),
            "schema_path": list(error.absolute_schema_path),
            "keyword": error.validator,
            "message": _message(error.validator, error.validator_value, error.message),
        }


def _message(keyword: str, wanted: Any, default: str) -> str:
    match keyword:
        case "minimum":
            return f"must be >= {wanted}"
        case "maximum":
            return f"must be <= {wanted}"
        case "type":
            return f"must be {wanted}"
        case "enum":
            return f"must be equal to one of the allowed values: {', '.join(map(str, wanted))}"
        case _:
            return default
