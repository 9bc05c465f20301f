"""What a task tells of a finished run: its figures, the Actor's log, and the error unless it succeeded."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.errors import (
    ApifyRunAbortedError,
    ApifyRunError,
    ApifyRunFailedError,
    ApifyRunTimedOutError,
)
from airflow_provider_apify.api.flow import Send, drive
from airflow_provider_apify.runs.actor_log import ActorLog, LogReader, log_tail
from airflow_provider_apify.runs.final_figures import report_figures

_ERROR_BY_STATUS = {
    RunStatus.FAILED: ApifyRunFailedError,
    RunStatus.ABORTED: ApifyRunAbortedError,
    RunStatus.TIMED_OUT: ApifyRunTimedOutError,
}


def report_and_raise(run: ActorRun, send: Send, log: Any, *, actor_log: ActorLog = "off") -> ActorRun:
    """
    Tell what a finished run cost and left behind, and return it if it succeeded.

    :param actor_log: how much of the Actor's log to show, as far as that was not done while it ran.
    :raises ApifyRunError: unless it succeeded, with the status message, the exit code, the last lines of the
        log and the page in Apify Console.
    """
    report_figures(run, send, log)
    if not run.succeeded:
        raise _ERROR_BY_STATUS.get(RunStatus(run.status), ApifyRunError)(
            f"The run {run.id} ended as {run.status} (exit code {run.data.get('exitCode')}): "
            f"{run.status_message or 'the Actor gave no status message'}\n"
            f"See {run.console_url}\nLast lines of its log:\n{log_tail(run, send)}",
            run=run.info,
        )
    if actor_log == "full":
        drive(LogReader(run.id, log).read_on(at_end=True), send)
    elif actor_log == "tail":
        log.info("Last lines of the Actor's log:\n%s", log_tail(run, send))
    return run
