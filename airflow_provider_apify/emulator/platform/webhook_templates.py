"""Templates of webhooks: variables in the payload and headers, and the default payload."""

from __future__ import annotations

import json
import re
from typing import Any

DEFAULT_PAYLOAD = """{
    "userId": {{userId}},
    "createdAt": {{createdAt}},
    "eventType": {{eventType}},
    "eventData": {{eventData}},
    "resource": {{resource}}
}"""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{\s*([\w.]+)\s*\}\}')
_VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


def interpolate(template: str, variables: dict[str, Any], *, strings: bool) -> str:
    """Fill in ``{{variable}}`` in a JSON template, with ``strings`` also inside of string literals."""

    def value_of(path: str) -> Any:
        value: Any = variables
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def inside(match: re.Match[str]) -> str:
        value = value_of(match[1])
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        return json.dumps(text, ensure_ascii=False)[1:-1]

    def outside(match: re.Match[str]) -> str:
        if match[1]:
            return json.dumps(value_of(match[1]), ensure_ascii=False)
        return _VARIABLE.sub(inside, match[0]) if strings else match[0]

    return _TOKEN.sub(outside, template)
