"""
Checks of arguments, one for each kind: before anything is sent, with an error that says what would do.

Each raises :class:`ApifyConfigurationError`, which names the argument. Values may be text, from a template or
a connection.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from numbers import Real
from os import PathLike, fspath
from typing import Any, cast, get_args

from airflow_provider_apify.api.errors import ApifyConfigurationError

#: Largest integer that JSON holds exactly for JavaScript, in which Apify is written.
_MOST = 2**53 - 1
#: Some 68 years: timers and timestamps of Python and of the system take as many seconds.
_MOST_SECONDS = 2**31 - 1
#: Bytes in a file's name (NAME_MAX of Linux file systems).
_MOST_NAME_BYTES = 255
#: Characters of `username~name`; Apify takes some 30 and 63 of them.
_MOST_REF_CHARACTERS = 200
#: An ID, or `username~name`; dots alone are neither.
_REF = re.compile(r"(?:(?!\.+~)[A-Za-z0-9._-]*~)?(?!\.+\Z)[A-Za-z0-9._-]+")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def refusal(name: str, must: str, value: Any) -> ApifyConfigurationError:
    """Return the error about a value, of which it shows no more than the beginning and the end."""
    try:
        got = _short.repr(value)
    except Exception:
        # Python makes no text of integers above 4,300 digits.
        got = f"a huge {type(value).__name__}"
    return ApifyConfigurationError(f"`{name}` must be {must}, got {got}. Nothing was sent.")


def text(name: str, value: Any, *, required: bool = False) -> str | None:
    """Check text, which may hold a secret: the error shows its type alone."""
    if value is None and not required:
        return None
    if not isinstance(value, str) or (required and not value):
        got = "an empty one" if value == "" else f"a {type(value).__name__}"
        raise ApifyConfigurationError(f"`{name}` must be a text, not {got}. Nothing was sent.")
    # Half of a surrogate pair cannot be encoded; NUL ends what an operating system reads.
    if "\0" in value or re.search("[\ud800-\udfff]", value):
        raise ApifyConfigurationError(f"`{name}` has a character that cannot be sent. Nothing was sent.")
    return value


def required_text(name: str, value: Any) -> str:
    """Check text that must not be empty."""
    return cast("str", text(name, value, required=True))


def listed(name: str, value: Any, what: str) -> tuple[Any, ...]:
    """Check a list of anything; None is an empty one."""
    if value is None:
        return ()
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ApifyConfigurationError(
            f"`{name}` must be {what}, not a {type(value).__name__}. Nothing was sent."
        )
    return tuple(value)


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Check a list of texts, or one text."""
    values = (value,) if isinstance(value, str) else listed(name, value, "a list of texts")
    return tuple(required_text(name, one) for one in values)


def resource_ref(name: str, value: str | None) -> str:
    """Return the part of a path that names a resource, from its ID, `username/name` or `username~name`."""
    if value is not None and not isinstance(value, str):
        raise ApifyConfigurationError(
            f"`{name}` must be an ID, a text, not a {type(value).__name__}. Of a task's result take one "
            'value: `run.output["id"]`, `run.output["defaultDatasetId"]`, … Nothing was sent.'
        )
    ref = (value or "").strip().replace("/", "~")
    # As parts of a path, `.` and `..` would lead to another endpoint.
    if len(ref) > _MOST_REF_CHARACTERS or not _REF.fullmatch(ref):
        has_name = name not in ("run_id", "webhook_id")
        raise refusal(name, f"an ID{' or `username/name`' if has_name else ''}, as Console shows it", value)
    return ref


def storage_name(name: str, value: str) -> str:
    """Check the name of a storage of the token's own account."""
    if "/" in required_text(name, value) or "~" in value:
        raise refusal(name, "the name of a storage of this account, without `/` and `~`", value)
    return value


def file_path(name: str, value: Any) -> str:
    """Check the path of a local file or directory."""
    path = required_text(name, fspath(value) if isinstance(value, PathLike) else value)
    if any(len(part.encode()) > _MOST_NAME_BYTES for part in path.split("/")):
        raise refusal(name, f"a path whose names have at most {_MOST_NAME_BYTES} bytes", path)
    return path


def store_path(name: str, value: Any) -> Any:
    """Check the path of a file or a folder in a store: text, or one of Airflow's `ObjectStoragePath`."""
    return value if hasattr(value, "joinpath") else required_text(name, value)


def media_type(name: str, value: Any) -> str:
    """Check a media type, which is sent as a header."""
    if not re.fullmatch(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;[ -~]*)?", required_text(name, value), re.ASCII):
        raise refusal(name, "a media type such as `text/csv; charset=utf-8`", value)
    return cast("str", value)


def exactly_one(**arguments: Any) -> None:
    """Refuse arguments unless exactly one of them is not None."""
    if sum(value is not None for value in arguments.values()) != 1:
        names = " or ".join(f"`{name}`" for name in arguments)
        raise ApifyConfigurationError(f"Give either {names}. Nothing was sent.")


def one_of(name: str, value: Any, choices: Any) -> None:
    """Refuse a value that is not among the choices of a `Literal`."""
    if not isinstance(value, str) or value not in get_args(choices):
        raise refusal(name, f"one of {', '.join(map(repr, get_args(choices)))}", value)


def boolean(name: str, value: Any) -> bool | None:
    """Read True or False, which a template may have left as text; None and empty text are None."""
    if value is None or value == "":
        return None
    known = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(known, bool):
        raise refusal(name, "True or False", value)
    return known


def flags(**arguments: Any) -> None:
    """Refuse arguments that are not True or False, as any text, "False" too, would count as True."""
    for name, value in arguments.items():
        if not isinstance(value, bool):
            raise refusal(name, "True or False", value)


def moment(name: str, value: Any) -> datetime | None:
    """Check a point in time."""
    if value is not None and not isinstance(value, datetime):
        raise refusal(name, "a datetime", value)
    return value


def seconds(
    name: str,
    value: timedelta | float | str | None,
    least: float = 0,
    most: float = _MOST_SECONDS,
    *,
    required: bool = False,
) -> float | None:
    """Read a time span that is not negative: a timedelta, or seconds; None and empty text are None."""
    span = value.total_seconds() if isinstance(value, timedelta) else value
    return cast("float | None", number(name, span, float, least, most, required=required))


def number(
    name: str,
    value: Any,
    convert: Callable[[Any], Any],
    least: float = 0,
    most: float = _MOST,
    *,
    required: bool = False,
) -> Any:
    """Read a number as `int`, which refuses fractions, or `float`; None and empty text are None."""
    if (value is None or (isinstance(value, str) and not value)) and not required:
        return None
    read = _read_number(value)
    # NaN is in no range.
    if read is None or not least <= read <= most or convert(read) != read:
        kind = "a whole number" if convert is int else "a number"
        limit = f"≥ {least:g}" if read is None or read <= most else f"≤ {most:,}"
        raise refusal(name, f"{kind} {limit}", value)
    return convert(read)


def _read_number(value: Any) -> Any:
    """Return a number, or the one that text says, or None; booleans are no numbers."""
    if isinstance(value, str):
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
        return None
    return value if isinstance(value, Real) and not isinstance(value, bool) else None
