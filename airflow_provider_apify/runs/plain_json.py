"""What a stranger's JSON may bring into an XCom: plain values, which Airflow gives on as they are."""

from __future__ import annotations

import math
import re
from typing import Any

# With these keys in a dictionary Airflow makes an object of it when it reads an XCom, such as a path that
# the next task opens; some are refused when an XCom is written, after the run is paid.
_RESERVED_KEYS = frozenset({"__classname__", "__version__", "__data__", "__id__", "__type", "__var"})
# Airflow's serializer calls itself for each level, and Python soon ends that.
_MOST_LEVELS = 100
# Halves of surrogate pairs cannot be sent to Airflow's API, and PostgreSQL takes no NUL.
_NO_CHARACTERS = re.compile("[\0\ud800-\udfff]")


def plain_json(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """
    Return a parsed JSON value as an XCom can hold it; characters that it cannot hold become U+FFFD.

    :raises ValueError: if the next task would get something else.
    """
    if not levels:
        raise ValueError(f"it is nested deeper than {_MOST_LEVELS} levels")
    if isinstance(value, dict):
        if reserved := _RESERVED_KEYS & value.keys():
            raise ValueError(f"Airflow would make an object of a dictionary with the key {min(reserved)!r}")
        return {plain_json(key): plain_json(inner, levels - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain_json(inner, levels - 1) for inner in value]
    if isinstance(value, str):
        return _NO_CHARACTERS.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number in JSON")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError("an integer in it has more than 64 bits")
    return value
