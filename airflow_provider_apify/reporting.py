"""What people are told of a run: while it goes on, and why it did not succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_apify.api.errors import (
    ApifyError,
    ApifyRunAbortedError,
    ApifyRunError,
    ApifyRunFailedError,
    ApifyRunTimedOutError,
)
from airflow_provider_apify.api.models import ActorRun, RunStatus

#: Logged when a task defers.
DEFERRING = (
    "Waiting for the run %s in the triggerer. If the task stays deferred after the run has ended, start "
    "`airflow triggerer`, or set `deferrable=False`."
)

_LOG_TAIL_LINES = 50
_LOG_TAIL_CHARS = 8000

_ERROR_BY_STATUS = {
    RunStatus.FAILED: ApifyRunFailedError,
    RunStatus.ABORTED: ApifyRunAbortedError,
    RunStatus.TIMED_OUT: ApifyRunTimedOutError,
}


class StatusLog:
    """
    Logs a run's status and status message whenever they change.

    :param log: the logger.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._last: tuple[str, str] | None = None

    def __call__(self, run: ActorRun) -> None:
        """
        Take note of an answer about the run.

        :param run: the run.
        """
        news = (run.status, run.status_message)
        if news != self._last:
            self._last = news
            self._log.info("Run %s is %s. %s", run.id, *news)


def require_success(run: ActorRun, get_log: Callable[[str], str]) -> ActorRun:
    """
    Return a finished run if it succeeded.

    :param run: the run.
    :param get_log: gets a run's log; whether it can must not matter.
    :raises ApifyRunError: otherwise, with the status message, the exit code, the last lines of the log and
        the page in Apify Console.
    """
    if run.succeeded:
        return run
    exit_code = run.data.get("exitCode")
    try:
        log = get_log(run.id)
    except ApifyError as error:
        log = f"(not available: {error})"
    tail = "\n".join(log.splitlines()[-_LOG_TAIL_LINES:])[-_LOG_TAIL_CHARS:]
    raise _ERROR_BY_STATUS.get(RunStatus(run.status), ApifyRunError)(
        f"The run {run.id} ended as {run.status} (exit code {exit_code}): "
        f"{run.status_message or 'the Actor gave no status message'}\n"
        f"See {run.console_url}\nLast lines of its log:\n{tail}",
        run=run.info,
    )
