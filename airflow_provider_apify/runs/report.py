"""What people are told of a run: while it goes on, and why it did not succeed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.runs import get_log
from airflow_provider_apify.api.errors import (
    ApifyError,
    ApifyRunAbortedError,
    ApifyRunError,
    ApifyRunFailedError,
    ApifyRunTimedOutError,
)
from airflow_provider_apify.api.flow import drive
from airflow_provider_apify.runs.actor_log import LogLines, LogReader, tail
from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.datasets import get_dataset

#: Logged when a task defers.
DEFERRING = (
    "Waiting for the run %s in the triggerer. If the task stays deferred after the run has ended, start "
    "`airflow triggerer`, or set `deferrable=False`."
)

#: How much of an Actor's log goes into the task's own: none, its end once the run is over, or all of it.
ActorLog = Literal["off", "tail", "full"]

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


def log_each(log: Any) -> Callable[[LogLines], None]:
    """
    Return what logs every line of an Actor's log by itself.

    :param log: the logger.
    """

    def pass_on(news: LogLines) -> None:
        for line in news.lines:
            log.info("%s", line)

    return pass_on


def conclude(
    run: ActorRun, send: Callable[[Call[Any]], Any], log: Any, *, actor_log: ActorLog = "off"
) -> ActorRun:
    """
    Tell what a finished run cost and left behind, and return it if it succeeded.

    :param run: the run.
    :param send: sends a call; whether Apify can still be asked must not matter.
    :param log: the logger.
    :param actor_log: how much of the Actor's log to show, as far as that was not done while it ran.
    :raises ApifyRunError: unless it succeeded, with the status message, the exit code, the last lines of the
        log and the page in Apify Console.
    """
    _report_figures(run, send, log)
    if not run.succeeded:
        raise _failure(run, send)
    if actor_log == "full":
        drive(LogReader(run.id, 0).read_on(at_end=True), send, log_each(log))
    elif actor_log == "tail":
        log.info("Last lines of the Actor's log:\n%s", _log_tail(run, send))
    return run


def _report_figures(run: ActorRun, send: Callable[[Call[Any]], Any], log: Any) -> None:
    cost, ended_at = run.data.get("usageTotalUsd"), run.finished_at
    duration = None if ended_at is None else timedelta(seconds=(ended_at - run.started_at).total_seconds())
    try:
        items = send(get_dataset(run.data["defaultDatasetId"], patience=1))["itemCount"]
    except (ApifyError, KeyError):
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


def _failure(run: ActorRun, send: Callable[[Call[Any]], Any]) -> ApifyRunError:
    return _ERROR_BY_STATUS.get(RunStatus(run.status), ApifyRunError)(
        f"The run {run.id} ended as {run.status} (exit code {run.data.get('exitCode')}): "
        f"{run.status_message or 'the Actor gave no status message'}\n"
        f"See {run.console_url}\nLast lines of its log:\n{_log_tail(run, send)}",
        run=run.info,
    )


def _log_tail(run: ActorRun, send: Callable[[Call[Any]], Any]) -> str:
    try:
        return tail(send(get_log(run.id, patience=2)))
    except ApifyError as error:
        return f"(not available: {error})"
