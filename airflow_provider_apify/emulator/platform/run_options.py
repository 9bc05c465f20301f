"""Options of a run: memory, timeout, build and limits, and which values are legal."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_value

MIN_MEMORY, MAX_MEMORY = 128, 32_768


@dataclass
class RunOptions:
    """Options of a run, with the defaults of its task and Actor filled in."""

    build: str
    timeout_secs: int
    memory_mbytes: int
    max_items: int | None = None
    max_total_charge_usd: float | None = None
    restart_on_error: bool = False


def check_memory(memory: int | None) -> None:
    """Refuse memory that is not a power of two from 128 to 32768 MB."""
    if memory is not None and not (MIN_MEMORY <= memory <= MAX_MEMORY and memory & (memory - 1) == 0):
        raise invalid_value(
            f"Memory must be a power of two between {MIN_MEMORY} and {MAX_MEMORY} megabytes, not {memory}."
        )


def check_build(actor: Actor, build: str) -> None:
    """Refuse a tag or number of a build that the Actor does not have."""
    is_number = re.fullmatch(r"\d+\.\d+\.\d+", build)
    if build not in ([actor.build_number] if is_number else [actor.default_build, "latest"]):
        raise ApiError(400, "unknown-build-tag", f'Actor {actor.full_name} has no build "{build}".')
