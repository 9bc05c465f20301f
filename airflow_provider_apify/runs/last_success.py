"""Whether an Actor or a task succeeded lately, and the wait until it did."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.runs import get_run, list_runs
from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.flow import Flow, Pause
from airflow_provider_apify.api.arguments import exactly_one
from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.runs.wait import Outcome, Tolerance, WaitEnd

log = logging.getLogger(__name__)

# Runs are listed by their start: among this many, one that started earlier may have ended last.
_CANDIDATES = 100


@dataclass(frozen=True)
class RecentRun:
    """
    What to look for: a successful run that ended lately.

    :param actor_id: of this Actor, or
    :param actor_task_id: of this task.
    :param max_age: seconds since its end at the most.
    """

    actor_id: str | None
    actor_task_id: str | None
    max_age: float

    def find(self) -> Flow[ActorRun | None]:
        """
        Look once; return the one that ended last.

        :raises ApifyNotFoundError: if there is no such Actor or task.
        """
        exactly_one(actor_id=self.actor_id or None, actor_task_id=self.actor_task_id or None)
        runs: list[ActorRun] = yield list_runs(
            actor_id=self.actor_id,
            task_id=self.actor_task_id,
            status=RunStatus.SUCCEEDED,
            limit=_CANDIDATES,
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
        tolerance = Tolerance()
        while True:
            asked_at = time.time()
            try:
                run = yield from self.find()
            except ApifyHttpError as error:
                if end := tolerance.judge(error, asked_at, time.time()):
                    return Outcome(end, "", message=f"The wait ended early: {error}")
                log.warning("Apify could not be asked for the last run; it will be again. (%s)", error)
            else:
                tolerance = Tolerance()
                if run is not None:
                    return Outcome(WaitEnd.FINISHED, run.id, run)
            left = give_up_at - time.time()
            if left <= 0:
                message = "The time to wait passed before there was a successful run that is recent enough."
                return Outcome(WaitEnd.GIVE_UP_DUE, "", message=message)
            pause = max(interval, policy.delay(tolerance.failures) if tolerance.failures else 0)
            yield Pause(min(pause, left))


def _end(run: ActorRun) -> float:
    return (run.finished_at or run.started_at).timestamp()
