"""
A resurrection that is sent once over all tries of a task.

A run says how often it has been resurrected, and Airflow's task state store (from 3.3 on) how often it had
been when an earlier try was about to resurrect it. What is more since then is that try's doing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.flow import Send, drive
from airflow_provider_apify.api.run_options import RunOptions, run_params
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.runs.abort_and_resurrect import resurrect_run
from airflow_provider_apify.runs.start_intent import Fingerprint

#: Key in the task state store; a promise.
STORE_KEY = "apify_resurrection"


def resurrect_once(
    run_id: str, options: RunOptions, context: Mapping[str, Any], *, retries: int, send: Send, log: Any
) -> ActorRun:
    """Resurrect a run, unless an earlier try of this task instance has; `retries` are the task's own."""
    # Refused before anything is sent.
    run_params(options)
    run = send(get_run(run_id))
    count = run.data["stats"]["resurrectCount"]
    store, me = context.get("task_state_store"), [Fingerprint.of(context).task_instance, run.id]
    note = store.get(STORE_KEY) if store is not None else _note_without_store(context["ti"], me, retries)
    if note and note["of"] == me and (count is None or note["count"] is None or count > note["count"]):
        log.info(
            "An earlier try of this task has %sresurrected the run %s, which is %s now and is left as it is. "
            "To resurrect it again, clear this task. %s",
            "" if store is not None else "most likely ",
            run.id,
            run.status,
            run.console_url,
        )
        return run
    if store is not None:
        store.set(STORE_KEY, {"of": me, "count": count})
    return drive(resurrect_run(run_id, options=options), send)


def _note_without_store(ti: Any, me: list[str], retries: int) -> dict[str, Any] | None:
    """Return what a retry has to assume; a Clear has raised `max_tries` to the tries so far and `retries`."""
    is_retry = ti.try_number > max(1, 1 + ti.max_tries - retries)
    return {"of": me, "count": 0} if is_retry else None
