"""Checks of single arguments: numbers, times, booleans, choices, IDs; before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

from airflow_provider_apify.api.errors import ApifyConfigurationError

_WITHOUT_NAMES = ("run", "webhook")


def resource_ref(kind: str, name: str | None) -> str:
    """
    Return the part of a path that names a resource, from its ID, `username/name` or `username~name`.

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
            f"{name!r} is not a valid {kind} ID{'' if kind in _WITHOUT_NAMES else ' or name'}. Pass its ID"
            f"{'' if kind in _WITHOUT_NAMES else ' or `username/name`'}, as Apify Console shows it."
        )
    return ref


def storage_name(kind: str, name: str) -> str:
    """
    Check the name of a storage of the token's own account.

    :raises ApifyConfigurationError: if it cannot be one.
    """
    if not name or "/" in name or "~" in name:
        raise ApifyConfigurationError(f"{name!r} is not a valid name for a {kind} of this account.")
    return name


def exactly_one(**arguments: Any) -> None:
    """
    Refuse arguments of which one, and only one, is needed.

    :raises ApifyConfigurationError: if all are None, or more than one is not.
    """
    if sum(value is not None for value in arguments.values()) != 1:
        names = " or ".join(f"`{name}`" for name in arguments)
        raise ApifyConfigurationError(f"Give either {names}. Nothing was sent.")


def one_of(name: str, value: Any, choices: Any) -> None:
    """
    Refuse a value that is not among the choices of a `Literal`.

    :raises ApifyConfigurationError: naming the choices.
    """
    if value not in get_args(choices):
        known = ", ".join(map(repr, get_args(choices)))
        raise ApifyConfigurationError(f"`{name}` must be one of {known}, got {value!r}. Nothing was sent.")


def boolean(name: str, value: Any) -> bool | None:
    """
    Read a boolean that may have come as text, from a template; None and empty text are None.

    :raises ApifyConfigurationError: if the value is neither True nor False.
    """
    if value in (None, "") or isinstance(value, bool):
        return None if value == "" else value
    if str(value).lower() not in ("true", "false"):
        raise ApifyConfigurationError(f"`{name}` must be True or False, got {value!r}. Nothing was sent.")
    return str(value).lower() == "true"


def seconds(name: str, value: timedelta | float | str | None) -> float | None:
    """
    Read a time span: a timedelta, or seconds, perhaps as text from a template.

    :raises ApifyConfigurationError: if the value is not a time span, or negative.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    result: float | None = number(name, value, float)
    return result


def number(name: str, value: Any, convert: Callable[[Any], Any], least: float = 0) -> Any:
    """
    Read a number that may have come as text, from a template or a connection; None and empty text are None.

    :param convert: `int` or `float`.
    :raises ApifyConfigurationError: if the value is not a number, or too small.
    """
    if value is None or value == "":
        return None
    try:
        result = convert(value)
    except (TypeError, ValueError):
        result = None
    if result is None or not result >= least:
        raise ApifyConfigurationError(
            f"`{name}` must be a number ≥ {least:g}, got {value!r}. Nothing was sent."
        )
    return result
