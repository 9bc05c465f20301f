"""Whether an Actor or a task succeeded lately."""

from __future__ import annotations

import time

from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.runs import get_run, list_runs
from airflow_provider_apify.api.targets import Target

# Runs are listed by their start: among this many, one that started earlier may have ended last.
_CANDIDATES = 100


def last_success(send: Send, target: Target, max_age: float) -> ActorRun | None:
    """
    Return the successful run that ended last, if that is at most `max_age` seconds ago.

    :raises ApifyNotFoundError: if there is no such Actor or task.
    """
    runs: list[ActorRun] = send(list_runs(**target.ids, status=RunStatus.SUCCEEDED, limit=_CANDIDATES))
    newest = max(runs, key=_end, default=None)
    if newest is None or time.time() - _end(newest) > max_age:
        return None
    run: ActorRun = send(get_run(newest.id))
    return run


def _end(run: ActorRun) -> float:
    return (run.finished_at or run.started_at).timestamp()
