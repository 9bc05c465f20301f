"""The options of a run: checked, and named as the API names them."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict, cast

from airflow_provider_apify.api.arguments import boolean, listed, number, seconds, text
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.request_body import encode_argument


class RunOptions(TypedDict, total=False):
    """Options of a run, in the words of Apify's clients; None leaves the default of the Actor or task."""

    build: str | None
    memory_mbytes: int | str | None
    run_timeout: timedelta | float | str | None
    max_items: int | str | None
    max_total_charge_usd: float | str | None
    restart_on_error: bool | str | None
    webhooks: Sequence[Mapping[str, Any]] | None


#: Options that a run is resurrected with; ad-hoc webhooks are for a start only.
RESURRECT_OPTIONS = tuple(name for name in RunOptions.__annotations__ if name != "webhooks")


def options_of(holder: Any, names: Sequence[str] = tuple(RunOptions.__annotations__)) -> RunOptions:
    """Return the run options that an operator holds as attributes of the same names."""
    return cast("RunOptions", {name: getattr(holder, name) for name in names})


def run_params(options: RunOptions) -> dict[str, Any]:
    """Check run options, and return them as query parameters; templated values arrive as strings."""
    if not isinstance(options, Mapping) or options.keys() - RunOptions.__annotations__.keys():
        raise ApifyConfigurationError(
            f"`options` must be a dict, with no other keys than {', '.join(RunOptions.__annotations__)}. "
            "Nothing was sent."
        )
    memory = number("memory_mbytes", options.get("memory_mbytes"), int)
    if memory is not None and (memory < 128 or memory & (memory - 1)):
        raise ApifyConfigurationError(
            f"`memory_mbytes` must be a power of two ≥ 128 (128, 256, 512, 1024, …), got {memory}. "
            "Nothing was started."
        )
    timeout = seconds("run_timeout", options.get("run_timeout"))
    webhooks = _webhooks(options.get("webhooks"))
    return {
        "build": text("build", options.get("build")) or None,
        "memory": memory,
        # Rounded up: for Apify 0 means no limit at all.
        "timeout": None if timeout is None else math.ceil(timeout),
        "maxItems": number("max_items", options.get("max_items"), int, least=1),
        "maxTotalChargeUsd": number("max_total_charge_usd", options.get("max_total_charge_usd"), float),
        "restartOnError": boolean("restart_on_error", options.get("restart_on_error")),
        "webhooks": b64encode(encode_argument("webhooks", webhooks)).decode() if webhooks else None,
    }


def _webhooks(given: Any) -> tuple[Any, ...]:
    what = "a list of dicts with `eventTypes`, `requestUrl`, …"
    webhooks = listed("webhooks", given, what)
    for webhook in webhooks:
        if not isinstance(webhook, Mapping):
            raise ApifyConfigurationError(
                f"`webhooks` must be {what}, not of {type(webhook).__name__}. Nothing was sent."
            )
    return webhooks
