"""Whether an Actor or a task succeeded lately, and the wait until it did."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.flow import Flow, Pause
from airflow_provider_apify.api.runs import get_run, list_runs
from airflow_provider_apify.api.targets import Target
from airflow_provider_apify.runs.outage_budget import OutageBudget
from airflow_provider_apify.runs.outcome import Outcome, WaitEnd

log = logging.getLogger(__name__)

# Runs are listed by their start: among this many, one that started earlier may have ended last.
_CANDIDATES = 100


@dataclass(frozen=True)
class LastSuccess:
    """
    A successful run that ended lately.

    :param target: of what it is a run.
    :param max_age: seconds since its end at the most.
    """

    target: Target
    max_age: float

    def find(self) -> Flow[ActorRun | None]:
        """
        Look once; return the run that ended last.

        :raises ApifyNotFoundError: if there is no such Actor or task.
        """
        runs: list[ActorRun] = yield list_runs(
            **self.target.ids, status=RunStatus.SUCCEEDED, limit=_CANDIDATES
        )
        newest = max(runs, key=_end, default=None)
        if newest is None or time.time() - _end(newest) > self.max_age:
            return None
        run: ActorRun = yield get_run(newest.id)
        return run

    def wait(self, *, interval: float, give_up_at: float) -> Flow[Outcome]:
        """
        Look again and again.

        :param interval: seconds between two looks.
        :param give_up_at: when to stop, in seconds since the epoch.
        """
        budget = OutageBudget()
        while True:
            asked_at = time.time()
            try:
                run = yield from self.find()
            except ApifyHttpError as error:
                if end := budget.record_failure(error, asked_at, time.time()):
                    return Outcome(end, None, message=f"The wait ended early: {error}")
                log.warning("Apify could not be asked for the last run; it will be again. (%s)", error)
            else:
                budget = OutageBudget()
                if run is not None:
                    return Outcome(WaitEnd.FINISHED, run.id, run)
            left = give_up_at - time.time()
            if left <= 0:
                message = "The time to wait passed before there was a successful run that is recent enough."
                return Outcome(WaitEnd.GIVE_UP_DUE, None, message=message)
            pause = max(interval, retry.delay(budget.failures) if budget.failures else 0)
            yield Pause(min(pause, left))


def _end(run: ActorRun) -> float:
    return (run.finished_at or run.started_at).timestamp()
