"""JSON as Apify takes it in a request body: a run's input, items, records; and how large it may be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError

#: Largest request body that Apify takes, in bytes (`MAX_PAYLOAD_SIZE_BYTES` in Apify's shared constants).
MAX_PAYLOAD_BYTES = 9_437_184

JSON_TYPE = "application/json; charset=utf-8"


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON; raise ValueError or TypeError if it is not JSON-serialisable."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_list).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def encode_argument(name: str, value: Any) -> bytes:
    """Encode an argument as JSON, or refuse it; the error does not quote it, as it may hold secrets."""
    try:
        return encode_json(value)
    except (TypeError, ValueError) as error:
        raise ApifyConfigurationError(f"`{name}` is not JSON ({error}). Nothing was sent.") from None


def encode_input(run_input: Any) -> bytes | None:
    """Encode a run's input: None for no input, any JSON value, or text or bytes that hold JSON."""
    if run_input is None:
        return None
    try:
        body = run_input.encode() if isinstance(run_input, str) else run_input
        if isinstance(body, bytes):
            json.loads(body)
        else:
            body = encode_json(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise ApifyConfigurationError(
            f"`run_input` is not JSON ({error}). Pass a dict, or a string that holds JSON. "
            "Nothing was started."
        ) from None
    if len(body) > MAX_PAYLOAD_BYTES:
        raise ApifyConfigurationError(
            f"`run_input` has {len(body):,} bytes; Apify takes at most {MAX_PAYLOAD_BYTES:,}. Put the data "
            "into a key-value store or a dataset and pass its ID to the Actor. Nothing was started."
        )
    return body


def decode_input(run_input: Any) -> Any:
    """Return the object or array that a run's input holds as JSON text, and any other input as it is."""
    if isinstance(run_input, str | bytes):
        with suppress(ValueError, RecursionError):
            value = json.loads(run_input)
            # A string in JSON has to stay in its quotes.
            return value if isinstance(value, dict | list) else run_input
    return run_input


def _as_list(value: Any) -> list[Any]:
    # Airflow gives the results of mapped tasks as a sequence of its own.
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return list(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
