"""Which runs of an account have ended since the last look, and which of these somebody has been told of."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.call import MAX_LIST_LIMIT
from airflow_provider_apify.api.errors import ApifyNotFoundError
from airflow_provider_apify.api.flow import Flow, send_one
from airflow_provider_apify.api.runs import get_run, list_runs

# Statuses of runs that go on. One that is new to us does no harm: such a run is asked for by its ID.
_OPEN_STATUSES = ("READY", "RUNNING", "TIMING-OUT", "ABORTING")
# How late, in seconds, a run or its end may show up in a list.
_LIST_LAG = 300.0


@dataclass(frozen=True)
class Snapshot:
    """One look at an account."""

    #: Runs that ended lately; the same run may come again.
    finished: list[ActorRun]
    #: Every run that goes on was started at or after this time, in seconds since the epoch.
    floor: float


@dataclass
class AccountWatch:
    """Looks again and again at an account's runs started `since` (epoch seconds), always in two lists."""

    since: float
    _open: dict[str, ActorRun] = field(default_factory=dict)

    def take_snapshot(self) -> Flow[Snapshot]:
        """Look once."""
        still_open = yield from _all_runs(status=_OPEN_STATUSES)
        recent = yield from _all_runs(started_after=pendulum.from_timestamp(self.since))
        known = {run.id: run for run in [*still_open, *recent]}
        for run_id in self._open.keys() - known.keys():
            try:
                known[run_id] = yield from send_one(get_run(run_id))
            except ApifyNotFoundError:
                continue
        self._open = {run.id: run for run in known.values() if not run.is_finished}
        self.since = max([self.since, *(_started(run) - _LIST_LAG for run in recent)])
        floor = min([self.since, *(_started(run) for run in self._open.values())])
        return Snapshot([run for run in known.values() if run.is_finished], floor)


@dataclass
class Watermark:
    """How far somebody has been told of runs that ended. Times are seconds since the epoch."""

    #: All runs that ended before this time have been told.
    until: float
    #: Runs that went on then were started at or after this time.
    floor: float
    #: Runs that ended later and have been told: IDs and when they ended.
    seen: dict[str, float] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Watermark:
        """Return the watermark of somebody who wants to know of all runs that end from now on."""
        # A run that starts now may be a little older by Apify's clock.
        return cls(time.time(), time.time() - _LIST_LAG)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Watermark:
        """Read the result of :meth:`to_json`."""
        return cls(value["until"], value["floor"], dict(value["seen"]))

    def to_json(self) -> dict[str, Any]:
        """Return the watermark as plain JSON."""
        return {"until": self.until, "floor": self.floor, "seen": self.seen}

    def news(self, snapshot: Snapshot) -> list[ActorRun]:
        """Return the runs that are new, in the order of their ends, and take note of them."""
        unseen = {run.id: run for run in snapshot.finished if run.id not in self.seen}
        news = sorted((run for run in unseen.values() if run.ended > self.until), key=lambda run: run.ended)
        self.seen |= {run.id: run.ended for run in news}
        self.until = max([self.until, *(end - _LIST_LAG for end in self.seen.values())])
        self.seen = {run_id: end for run_id, end in self.seen.items() if end > self.until}
        self.floor = snapshot.floor
        return news

    def catch_up(self, target: Target) -> Flow[Snapshot]:
        """Look at all runs of an Actor or a task that may have ended while nobody watched."""
        floor = pendulum.from_timestamp(self.floor)
        runs = yield from _all_runs(**target.ids, status=sorted(RunStatus), started_after=floor)
        return Snapshot(runs, self.floor)


def _all_runs(**filters: Any) -> Flow[list[ActorRun]]:
    found: list[ActorRun] = []
    while True:
        # Oldest first: a run that starts meanwhile comes last and moves no other one to another page.
        call = list_runs(offset=len(found), limit=MAX_LIST_LIMIT, desc=False, **filters)
        page = yield from send_one(call)
        found += page
        if len(page) < MAX_LIST_LIMIT:
            return found


def _started(run: ActorRun) -> float:
    return run.started_at.timestamp()
