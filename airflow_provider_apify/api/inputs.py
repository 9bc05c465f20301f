"""What a user hands to a run, checked and made fit for the API before anything is sent."""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypedDict, get_args

from airflow_provider_apify.api.errors import ApifyConfigurationError

#: Largest request body that Apify takes, in bytes (`MAX_PAYLOAD_SIZE_BYTES` in Apify's shared constants).
MAX_PAYLOAD_BYTES = 9_437_184

JSON_TYPE = "application/json; charset=utf-8"

_WITHOUT_NAMES = ("run", "webhook")


class RunOptions(TypedDict, total=False):
    """Options of a run, in the words of Apify's clients; None leaves the default of the Actor or task."""

    build: str | None
    memory_mbytes: int | str | None
    run_timeout: timedelta | float | str | None
    max_items: int | str | None
    max_total_charge_usd: float | str | None
    restart_on_error: bool | None
    force_permission_level: str | None
    webhooks: Sequence[Mapping[str, Any]] | None


def encode_input(run_input: Any, content_type: str | None = None) -> tuple[bytes | None, str]:
    """
    Make the request body of a run's input; nothing is sent yet.

    :param run_input: None for no input, any JSON value, a string that holds JSON, or text or bytes of
        another media type.
    :param content_type: media type of an input that is not JSON.
    :return: the body and its media type.
    :raises ApifyConfigurationError: if it is not JSON, or larger than Apify takes (9,437,184 bytes).
    """
    if run_input is None:
        return None, content_type or JSON_TYPE
    try:
        if isinstance(run_input, bytes):
            body = run_input
        elif isinstance(run_input, str):
            body = run_input.encode()
        else:
            body = encode_json(run_input)
        if content_type is None and isinstance(run_input, bytes | str):
            json.loads(body)
    except (TypeError, ValueError) as error:
        raise ApifyConfigurationError(
            f"The run input is not JSON ({error}). Pass a dict, a string that holds JSON, or name its "
            "`content_type`. Nothing was started."
        ) from None
    if len(body) > MAX_PAYLOAD_BYTES:
        raise ApifyConfigurationError(
            f"The run input has {len(body):,} bytes; Apify takes at most {MAX_PAYLOAD_BYTES:,}. Put the data "
            "into a key-value store or a dataset and pass its ID to the Actor. Nothing was started."
        )
    return body, content_type or JSON_TYPE


def json_value(run_input: Any, content_type: str | None) -> Any:
    """
    Return the object or array of an input that holds one as JSON text, and any other input as it is.

    :param run_input: see :func:`encode_input`.
    :param content_type: media type of an input that is not JSON.
    """
    value = None
    if content_type is None and isinstance(run_input, str | bytes):
        with suppress(ValueError):
            value = json.loads(run_input)
    # A string in JSON has to stay in its quotes.
    return value if isinstance(value, dict | list) else run_input


def encode_json(value: Any) -> bytes:
    """
    Make JSON as Apify takes it.

    :param value: any JSON value.
    :raises ValueError: if it is none; so does :class:`TypeError`.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_list).encode()


def _as_list(value: Any) -> list[Any]:
    # Airflow gives the results of mapped tasks as a sequence of its own.
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return list(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def run_params(options: RunOptions) -> dict[str, Any]:
    """
    Check the options of a run and name them as the API does.

    :param options: see :class:`RunOptions`; templated values arrive as strings.
    :raises ApifyConfigurationError: if one cannot be used.
    """
    memory = number("memory_mbytes", options.get("memory_mbytes"), int)
    if memory is not None and (memory < 128 or memory & (memory - 1)):
        raise ApifyConfigurationError(
            f"`memory_mbytes` is {memory}: Apify takes powers of two from 128 on (128, 256, 512, 1024, …). "
            "Nothing was started."
        )
    timeout = seconds("run_timeout", options.get("run_timeout"))
    webhooks = options.get("webhooks")
    return {
        "build": options.get("build"),
        "memory": memory,
        # For Apify 0 is no limit at all.
        "timeout": None if timeout is None else math.ceil(timeout),
        "maxItems": number("max_items", options.get("max_items"), int, least=1),
        "maxTotalChargeUsd": number("max_total_charge_usd", options.get("max_total_charge_usd"), float),
        "restartOnError": _boolean("restart_on_error", options.get("restart_on_error")),
        "forcePermissionLevel": options.get("force_permission_level"),
        "webhooks": b64encode(json.dumps(webhooks).encode()).decode() if webhooks else None,
    }


def resource_ref(kind: str, name: str | None) -> str:
    """
    Make the part of a path that names a resource.

    :param kind: what it is, for the error.
    :param name: ID, `username/name` or `username~name`.
    :raises ApifyConfigurationError: if it is empty or cannot be a name.
    """
    if name is not None and not isinstance(name, str):
        raise ApifyConfigurationError(
            f"The ID of a {kind} is text, not a {type(name).__name__}. Of a task's result take one value: "
            '`run.output["id"]`, `run.output["defaultDatasetId"]`, … Nothing was sent.'
        )
    ref = (name or "").strip().replace("/", "~")
    if not re.fullmatch(r"[A-Za-z0-9._-]*~?[A-Za-z0-9._-]+", ref):
        raise ApifyConfigurationError(
            f"{name!r} names no {kind}. Pass its ID"
            f"{'' if kind in _WITHOUT_NAMES else ' or `username/name`'}, as Apify Console shows it."
        )
    return ref


def exactly_one(**arguments: Any) -> None:
    """
    Refuse arguments of which one, and only one, is needed.

    :param arguments: the arguments by their names.
    :raises ApifyConfigurationError: if none is given, or more than one.
    """
    if sum(value is not None for value in arguments.values()) != 1:
        names = " or ".join(f"`{name}`" for name in arguments)
        raise ApifyConfigurationError(f"Give either {names}. Nothing was sent.")


def one_of(name: str, value: Any, choices: Any) -> None:
    """
    Refuse what is none of the choices.

    :param name: what it is called, for the error.
    :param value: what the user gave.
    :param choices: a `Literal`.
    :raises ApifyConfigurationError: if so.
    """
    if value not in get_args(choices):
        known = ", ".join(map(repr, get_args(choices)))
        raise ApifyConfigurationError(f"`{name}` is {value!r}, and must be one of {known}. Nothing was sent.")


def _boolean(name: str, value: Any) -> bool | None:
    if value in (None, "") or isinstance(value, bool):
        return None if value == "" else value
    if str(value).lower() not in ("true", "false"):
        raise ApifyConfigurationError(f"`{name}` is {value!r}, and must be True or False. Nothing was sent.")
    return str(value).lower() == "true"


def seconds(name: str, value: timedelta | float | str | None) -> float | None:
    """
    Read a time span.

    :param name: what it is called, for the error.
    :param value: a timedelta or seconds, perhaps as text from a template; None for none.
    :raises ApifyConfigurationError: if it is none, or negative.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    result: float | None = number(name, value, float)
    return result


def number(name: str, value: Any, convert: Callable[[Any], Any], least: float = 0) -> Any:
    """
    Read a number that may have come as text, from a template or a connection.

    :param name: what it is called, for the error.
    :param value: what the user gave; None and the empty string are no number.
    :param convert: makes the number.
    :param least: the smallest that is allowed.
    :raises ApifyConfigurationError: if it is none, or too small.
    """
    if value is None or value == "":
        return None
    try:
        result = convert(value)
    except (TypeError, ValueError):
        result = None
    if result is None or not result >= least:
        raise ApifyConfigurationError(
            f"`{name}` is {value!r}, and must be a number of at least {least:g}. Nothing was sent."
        )
    return result
