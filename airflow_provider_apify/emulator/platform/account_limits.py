"""Limits of an account: the memory and the number of its unfinished runs."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.run_life_cycle import Run
from airflow_provider_apify.emulator.platform.users import User


def check_account_limits(user: User, unfinished: Sequence[Run], memory_mbytes: int) -> None:
    """Refuse one more run that would exceed a limit of the account."""
    used = sum(run.options.memory_mbytes for run in unfinished)
    if used + memory_mbytes > user.max_memory_mbytes:
        raise ApiError(
            402,
            "actor-memory-limit-exceeded",
            f"By launching this job you will exceed the memory limit of {user.max_memory_mbytes}MB for"
            f" all your Actor runs and builds (currently used: {used}MB, requested: {memory_mbytes}MB)."
            " Please consider an upgrade to a larger plan.",
        )
    if len(unfinished) >= user.max_concurrent_runs:
        raise ApiError(
            402,
            "concurrent-runs-limit-exceeded",
            f"By launching this job you will exceed your limit of {user.max_concurrent_runs} concurrent"
            " Actor runs. Please consider an upgrade to a larger plan.",
        )
