"""Whether an Actor or a task succeeded lately."""

from __future__ import annotations

import time

from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.runs import get_run, list_runs

# Runs are listed by their start: among this many, one that started earlier may have ended last.
_CANDIDATES = 100


def last_success(send: Send, target: Target, max_age: float) -> ActorRun | None:
    """Return the successful run that ended last, if that is at most `max_age` seconds ago."""
    runs = send(list_runs(**target.ids, status=RunStatus.SUCCEEDED, limit=_CANDIDATES))
    newest = max(runs, key=lambda run: run.ended, default=None)
    if newest is None or time.time() - newest.ended > max_age:
        return None
    return send(get_run(newest.id))
