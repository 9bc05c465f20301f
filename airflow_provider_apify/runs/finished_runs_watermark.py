"""Which runs of an account have ended since the last look, and which of these somebody has been told of."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pendulum

from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.call import MAX_LIST_LIMIT, Answer
from airflow_provider_apify.api.errors import ApifyHttpError, ApifyNotFoundError
from airflow_provider_apify.api.flow import Flow, send_one
from airflow_provider_apify.api.runs import get_run, list_runs, read_entries

# Statuses of runs that go on. One that is new to us does no harm: such a run is asked for by its ID.
_OPEN_STATUSES = ("READY", "RUNNING", "TIMING-OUT", "ABORTING")
# How late, in seconds, a run or its end may show up in a list.
_LIST_LAG = 300.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """One look at an account."""

    #: Runs that ended lately; the same run may come again.
    finished: list[ActorRun]
    #: Every run that goes on was started at or after this time, in seconds since the epoch.
    floor: float
    #: What to do once all events made of this look are stored.
    when_stored: list[Callable[[], Awaitable[None]]] = field(default_factory=list, compare=False)


@dataclass
class AccountWatch:
    """
    Looks again and again at an account's runs, in two lists: those that go on, and those started lately.

    What "lately" means is read off the runs themselves: the clock of this machine may differ from Apify's,
    and a `Date` header may be missing or a cache's. There is no list by end: an old run that is resurrected
    is found only if a look sees it going on.
    """

    since: float | None = None
    _open: dict[str, ActorRun] = field(default_factory=dict)
    #: Whether the log has been told of entries that are no runs.
    _told: bool = False

    def take_snapshot(self) -> Flow[Snapshot]:
        """Look once; the first look holds all runs started since the oldest that still goes on."""
        still_open = self._known((yield from _all_entries(status=_OPEN_STATUSES)))
        if self.since is None:
            newest = self._known((yield from send_one(list_runs(limit=1).read_as(read_entries))))
            # Without any run, everything that comes is new.
            starts = [run.started for run in [*newest, *still_open]]
            self.since = min(starts, default=0.0) - _LIST_LAG
        since = pendulum.from_timestamp(max(self.since, 0))
        recent = self._known((yield from _all_entries(started_after=since)))
        known = {run.id: run for run in [*still_open, *recent]}
        for run_id in self._open.keys() - known.keys():
            try:
                run = yield from send_one(get_run(run_id, max_attempts=1))
            except ApifyNotFoundError:
                continue
            except ApifyHttpError:
                # It must not hide the others; the next look asks for it again.
                run = self._open[run_id]
            known |= {run.id: run for run in self._known([run])}
        self._open = {run.id: run for run in known.values() if not run.is_finished}
        self.since = max([self.since, *(run.started - _LIST_LAG for run in recent)])
        floor = min([self.since, *(run.started for run in self._open.values())])
        return Snapshot([run for run in known.values() if run.is_finished], floor)

    def _known(self, entries: Sequence[ActorRun | None]) -> list[ActorRun]:
        runs = _runs_of(entries)
        if not self._told and len(runs) < len(entries):
            self._told = True
            log.warning("Apify's list of runs has entries without ID, status or start; they are left out.")
        return runs


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
    def after(cls, first: Snapshot) -> Watermark:
        """Return the watermark of somebody who wants to know of all runs that end after a first look."""
        ends = {run.id: run.ended for run in first.finished}
        until = max(ends.values(), default=0.0) - _LIST_LAG
        return cls(until, first.floor, {run_id: end for run_id, end in ends.items() if end > until})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Watermark:
        """Read the result of :meth:`to_json`."""
        return cls(value["until"], value["floor"], dict(value["seen"]))

    def to_json(self) -> dict[str, Any]:
        """Return the watermark as plain JSON."""
        return {"until": self.until, "floor": self.floor, "seen": self.seen}

    def news(self, snapshot: Snapshot) -> list[ActorRun]:
        """Return the runs whose end is new, in the order of the ends, and take note of them."""
        # A resurrected run ends more than once.
        new = {run.id: run for run in snapshot.finished if run.ended > self.seen.get(run.id, self.until)}
        news = sorted(new.values(), key=lambda run: run.ended)
        self.seen |= {run.id: run.ended for run in news}
        self.until = max([self.until, *(end - _LIST_LAG for end in self.seen.values())])
        self.seen = {run_id: end for run_id, end in self.seen.items() if end > self.until}
        self.floor = snapshot.floor
        return news

    def catch_up(self, target: Target) -> Flow[Snapshot]:
        """Look at all runs of an Actor or a task that may have ended while nobody watched."""
        floor = pendulum.from_timestamp(self.floor)
        entries = yield from _all_entries(**target.ids, status=sorted(RunStatus), started_after=floor)
        return Snapshot(_runs_of(entries), self.floor)


def _all_entries(**filters: Any) -> Flow[list[ActorRun | None]]:
    found: list[ActorRun | None] = []
    while True:
        # Oldest first: a run that starts meanwhile comes last and moves no other one to another page.
        call = list_runs(offset=len(found), desc=False, **filters)
        known = {run.id for run in found if run}
        page = yield from send_one(call.read_as(partial(_read_page, known)))
        found += page
        if len(page) < MAX_LIST_LIMIT:
            return found


def _read_page(known: set[str], answer: Answer) -> list[ActorRun | None]:
    page = read_entries(answer)
    if len(page) >= MAX_LIST_LIMIT and known.issuperset(run.id for run in page if run):
        raise ValueError("its page has no run that those before it did not have, such as a cache may give")
    return page


def _runs_of(entries: Sequence[ActorRun | None]) -> list[ActorRun]:
    """Leave out what is no run as Apify documents it: one such entry must not hide the others."""
    return [run for run in entries if run is not None and run.started_at is not None]
