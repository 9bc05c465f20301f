"""Report of a finished run: its final figures (cost above all), the Actor's log, the error of a failure."""

from __future__ import annotations

import logging
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
from airflow_provider_apify.runs.best_effort import best_effort

log = logging.getLogger(__name__)

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
    with best_effort(log, f"the final figures of the run {run.id}"):
        settled = yield from send_one(get_run(run.id, max_attempts=2))
        # Whoever resurrected it meanwhile waits for another end.
        return settled if settled.is_finished else run
    return run


def report_and_raise(run: ActorRun, send: Send, log: Any, *, actor_log: ActorLog = "off") -> ActorRun:
    """Report a finished run, and return it if it succeeded; raise :class:`ApifyRunError` otherwise."""
    _report_figures(run, send, log)
    if actor_log == "full":
        drive(LogReader(run.id, log).read_on(at_end=True), send)
    if not run.succeeded:
        tail = "\n  ".join(["Last lines of its log:", *log_tail(run, send, log)])
        raise _ERROR_BY_STATUS[RunStatus(run.status)](
            f"The run {run.id} ended as {run.status} (exit code {run.data.get('exitCode')}): "
            f"{run.status_message or 'the Actor gave no status message'}\n"
            f"See {run.console_url}\n{tail}",
            run=run.info,
        )
    if actor_log == "tail":
        for line in ["Last lines of the Actor's log:", *log_tail(run, send, log)]:
            log.info("%s", line)
    return run


def _report_figures(run: ActorRun, send: Send, log: Any) -> None:
    """Tell duration, cost, usage and number of items in the log and as metrics."""
    items, duration = None, None
    with best_effort(log, f"how many items the run {run.id} left"):
        items = send(get_dataset(run.data["defaultDatasetId"], max_attempts=1))["itemCount"]
    if run.started_at and run.finished_at:
        duration = timedelta(seconds=(run.finished_at - run.started_at).total_seconds())
    log.info(
        "Run %s ended as %s after %s. It cost %s, used %s and left %s items in its dataset.",
        run.id,
        run.status,
        "an unknown time" if duration is None else duration,
        "an unknown amount" if run.cost is None else f"${run.cost:.4f}",
        ", ".join(f"{amount:g} {name}" for name, amount in run.usage.items()) or "nothing that was counted",
        "an unknown number of" if items is None else items,
    )
    with best_effort(log, f"the metrics of the run {run.id}"):
        tags = {"actor": str(run.data.get("actId")), "status": run.status}
        if run.cost is not None:
            Stats.gauge("apify.run.cost_usd", run.cost, tags=tags)
        if duration is not None:
            Stats.timing("apify.run.duration", duration, tags=tags)
        if items is not None:
            Stats.gauge("apify.run.items", items, tags=tags)
