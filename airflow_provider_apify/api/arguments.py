"""
Checks of single arguments: numbers, times, booleans, choices, IDs; before anything is sent.

Each raises :class:`ApifyConfigurationError`. Values may be text, from a template or a connection; None and
empty text are None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast, get_args

from airflow_provider_apify.api.errors import ApifyConfigurationError


def resource_ref(kind: str, name: str | None) -> str:
    """Return the part of a path that names a resource, from its ID, `username/name` or `username~name`."""
    if name is not None and not isinstance(name, str):
        raise ApifyConfigurationError(
            f"The ID of a {kind} is text, not a {type(name).__name__}. Of a task's result take one value: "
            '`run.output["id"]`, `run.output["defaultDatasetId"]`, … Nothing was sent.'
        )
    ref = (name or "").strip().replace("/", "~")
    if not re.fullmatch(r"[A-Za-z0-9._-]*~?[A-Za-z0-9._-]+", ref):
        has_name = kind not in ("run", "webhook")
        raise ApifyConfigurationError(
            f"{name!r} is not a valid {kind} ID{' or name' if has_name else ''}. Pass its ID"
            f"{' or `username/name`' if has_name else ''}, as Apify Console shows it."
        )
    return ref


def storage_name(kind: str, name: str) -> str:
    """Check the name of a storage of the token's own account."""
    if not name or "/" in name or "~" in name:
        raise ApifyConfigurationError(f"{name!r} is not a valid name for a {kind} of this account.")
    return name


def exactly_one(**arguments: Any) -> None:
    """Refuse arguments unless exactly one of them is not None."""
    if sum(value is not None for value in arguments.values()) != 1:
        names = " or ".join(f"`{name}`" for name in arguments)
        raise ApifyConfigurationError(f"Give either {names}. Nothing was sent.")


def one_of(name: str, value: Any, choices: Any) -> None:
    """Refuse a value that is not among the choices of a `Literal`."""
    if value not in get_args(choices):
        known = ", ".join(map(repr, get_args(choices)))
        raise ApifyConfigurationError(f"`{name}` must be one of {known}, got {value!r}. Nothing was sent.")


def boolean(name: str, value: Any) -> bool | None:
    """Read True or False."""
    text = "" if value is None else str(value).lower()
    if text not in ("", "true", "false"):
        raise ApifyConfigurationError(f"`{name}` must be True or False, got {value!r}. Nothing was sent.")
    return text == "true" if text else None


def seconds(name: str, value: timedelta | float | str | None) -> float | None:
    """Read a time span that is not negative: a timedelta, or seconds."""
    span = value.total_seconds() if isinstance(value, timedelta) else value
    return cast("float | None", number(name, span, float))


def number(name: str, value: Any, convert: Callable[[Any], Any], least: float = 0) -> Any:
    """Read a number with `int` or `float`."""
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
