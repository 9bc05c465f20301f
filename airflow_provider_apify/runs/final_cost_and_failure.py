"""Report of a finished run: its final figures (cost above all), the Actor's log, the error of a failure."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_apify.api import errors
from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.datasets import get_dataset
from airflow_provider_apify.api.flow import Flow, Pause, Send, drive, send_one
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.runs.actor_log import ActorLog, LogReader, log_tail

# How long after the end of a run its cost, its dataset's counts and its log may still change (API reference,
# "Actor runs": wait some ten seconds for final figures).
_FINAL_AFTER = 10.0

_ERROR_BY_STATUS = {
    RunStatus.FAILED: errors.ApifyRunFailedError,
    RunStatus.ABORTED: errors.ApifyRunAbortedError,
    RunStatus.TIMED_OUT: errors.ApifyRunTimedOutError,
}


def await_final_figures(run: ActorRun, asked_at: float) -> Flow[ActorRun]:
    """Return a finished run with its final figures; `asked_at` is the time when Apify was asked for it."""
    final_at = _FINAL_AFTER + (run.finished_at.timestamp() if run.finished_at else asked_at)
    if asked_at >= final_at:
        return run
    # Our clock need not agree with Apify's.
    yield Pause(min(max(0.0, final_at - time.time()), _FINAL_AFTER))
    try:
        settled = yield from send_one(get_run(run.id, max_attempts=2))
    except errors.ApifyHttpError:
        return run
    # Whoever resurrected it meanwhile waits for another end.
    return settled if settled.is_finished else run


def report_and_raise(run: ActorRun, send: Send, log: Any, *, actor_log: ActorLog = "off") -> ActorRun:
    """Report a finished run, and return it if it succeeded; raise :class:`ApifyRunError` otherwise."""
    _report_figures(run, send, log)
    if actor_log == "full":
        drive(LogReader(run.id, log).read_on(at_end=True), send)
    if not run.succeeded:
        raise _ERROR_BY_STATUS[RunStatus(run.status)](
            f"The run {run.id} ended as {run.status} (exit code {run.data.get('exitCode')}): "
            f"{run.status_message or 'the Actor gave no status message'}\n"
            f"See {run.console_url}\nLast lines of its log:\n{log_tail(run, send)}",
            run=run.info,
        )
    if actor_log == "tail":
        log.info("Last lines of the Actor's log:\n%s", log_tail(run, send))
    return run


def _report_figures(run: ActorRun, send: Send, log: Any) -> None:
    """Tell duration, cost, usage and number of items in the log and as metrics."""
    cost, ended_at = run.data.get("usageTotalUsd"), run.finished_at
    duration = None if ended_at is None else timedelta(seconds=(ended_at - run.started_at).total_seconds())
    try:
        items = send(get_dataset(run.data["defaultDatasetId"], max_attempts=1))["itemCount"]
    except (errors.ApifyError, KeyError):
        items = None
    log.info(
        "Run %s ended as %s after %s. It cost %s, used %s and left %s items in its dataset.",
        run.id,
        run.status,
        "an unknown time" if duration is None else duration,
        "an unknown amount" if cost is None else f"${cost:.4f}",
        ", ".join(f"{amount:g} {name}" for name, amount in run.usage.items()) or "nothing that was counted",
        "an unknown number of" if items is None else items,
    )
    tags = {"actor": str(run.data.get("actId")), "status": run.status}
    if cost is not None:
        Stats.gauge("apify.run.cost_usd", cost, tags=tags)
    if duration is not None:
        Stats.timing("apify.run.duration", duration, tags=tags)
    if items is not None:
        Stats.gauge("apify.run.items", items, tags=tags)
