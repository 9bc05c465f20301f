"""Retention: the time for which finished runs and unnamed storages are kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_apify.emulator.platform.run_life_cycle import Run
from airflow_provider_apify.emulator.platform.users import User

DAY_SECONDS = 86_400


def forget_expired(
    users: Iterable[User], runs: dict[str, Run], storages: Iterable[dict[str, Any]], now: float
) -> None:
    """Delete the runs and unnamed storages that are older than the retention of their owner."""
    kept_since = {user.id: now - user.retention_days * DAY_SECONDS for user in users}
    for run in tuple(runs.values()):
        if run.finished_at is not None and run.finished_at < kept_since[run.user.id]:
            del runs[run.id]
    for table in storages:
        for storage in tuple(table.values()):
            if storage.name is None and storage.accessed_at < kept_since[storage.user_id]:
                del table[storage.id]
