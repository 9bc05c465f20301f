"""The search for a run that a task instance may have started, among the runs of its Actor or saved task."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.call import MAX_LIST_LIMIT
from airflow_provider_apify.api.errors import ApifyNotFoundError, ApifyStartUncertainError
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.key_value_stores import get_record
from airflow_provider_apify.api.runs import get_run, list_runs
from airflow_provider_apify.runs.not_yet_visible import VISIBLE_AFTER
from airflow_provider_apify.runs.start_intent import Fingerprint

# How far the clocks of two workers may disagree; how far ours is ahead of Apify's is measured.
_CLOCK_SKEW = timedelta(minutes=5)
# How many runs are asked for one by one: a list does not say who started a run.
_MAX_CANDIDATES = 2000
_MAX_PAGES = 100


@dataclass(eq=False)
class RunSearch:
    """Looks for the run of one task instance; may be used once or again and again."""

    target: Target
    #: Gives the input as it was sent, encoded; None if there is none.
    encoded_input: Callable[[], bytes | None]
    fingerprint: Fingerprint
    #: When the start may have been sent at the earliest, by a worker's clock.
    since: datetime
    #: The start of this very try is known to have been announced; else any earlier try may have sent one.
    announced: bool
    _foreign: set[str] = field(default_factory=set)
    _ahead: timedelta | None = None

    def look(self, send: Send) -> tuple[ActorRun | None, list[str]]:
        """Look once, newest first, for the run; return it, and IDs of runs that cannot be told from it."""
        doubtful: list[str] = []
        since, asked = self._since(send), 0
        for page in range(_MAX_PAGES):
            runs = send(list_runs(**self.target.ids, started_after=since, offset=page * MAX_LIST_LIMIT))
            for run in runs:
                # Apify does not document the time filter for the runs of a task.
                if run.started_at is not None and run.started_at < since:
                    return None, doubtful
                if run.id in self._foreign or not self._may_be_ours(run):
                    continue
                asked += run.user_agent is None
                if asked > _MAX_CANDIDATES:
                    return None, [*doubtful, f"and more than {_MAX_CANDIDATES} others"]
                candidate = run if run.user_agent else _full_run(send, run)
                number = self.fingerprint.try_of(candidate)
                if number is not None and (not self.announced or number == self.fingerprint.try_number):
                    return candidate, doubtful
                if number is None and self._is_doubtful(send, candidate):
                    doubtful.append(run.id)
                else:
                    self._foreign.add(run.id)
            if len(runs) < MAX_LIST_LIMIT:
                return None, doubtful
        return None, [*doubtful, "and older ones"]

    def look_until_visible(self, send: Send, *, sent_by: float) -> ActorRun | None:
        """
        Look until the run is found, or would have shown up had it been started by then.

        :raises ApifyStartUncertainError: if there are runs that cannot be told from it.
        """
        attempt = 0
        while True:
            # An answer says what was visible when it was asked for, however late it comes.
            asked_at = time.time()
            found, doubtful = self.look(send)
            if found is not None and self._is_last(found):
                return found
            if asked_at > sent_by + VISIBLE_AFTER:
                break
            attempt += 1
            time.sleep(retry.delay(attempt))
        if doubtful:
            raise ApifyStartUncertainError(
                "It cannot be told whether an earlier try of this task started a run: Apify does not say who "
                f"started {', '.join(doubtful)}. Look at them in Apify Console. To start a new run all the "
                "same, set `durable=False` or, from Airflow 3.3 on, clear this task.",
                candidates=doubtful,
            )
        return found

    def _since(self, send: Send) -> datetime:
        if self._ahead is None:
            call = list_runs(**self.target.ids, limit=1)
            sent_at = send(call.read_as(lambda answer: answer.sent_at))
            # A cached answer's time lies in the past, and only lets the search begin earlier.
            self._ahead = timedelta(seconds=max(0.0, time.time() - sent_at) if sent_at else 0)
        return self.since - self._ahead - _CLOCK_SKEW

    def _may_be_ours(self, run: ActorRun) -> bool:
        """Return whether what a list says of a run leaves it possible that a worker of ours started it."""
        # Ours are started over the API, and of the Actor itself unless they are a saved task's.
        origin = run.data["meta"]["origin"]
        of_other_target = self.target.kind == "Actor" and run.data.get("actorTaskId")
        return origin in (None, "API") and not of_other_target

    def _is_doubtful(self, send: Send, run: ActorRun) -> bool:
        """Return whether a run without our fingerprint may be ours all the same."""
        if run.user_agent is None:
            return True
        # A proxy may replace or cut the User-Agent; then the input is all that is left to compare.
        return self.announced and not Fingerprint.is_whole(run) and self._has_our_input(send, run)

    def _has_our_input(self, send: Send, run: ActorRun) -> bool:
        if (body := self.encoded_input()) is None:
            return True
        try:
            theirs = send(get_record(str(run.data.get("defaultKeyValueStoreId")), "INPUT")).content()
        except (ApifyNotFoundError, ValueError):
            return False
        ours = json.loads(body)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            # A saved task, and the Actor's input schema, add fields of their own.
            return all(name in theirs and theirs[name] == value for name, value in ours.items())
        return bool(ours == theirs)

    def _is_last(self, run: ActorRun) -> bool:
        """
        Return whether a run that was found is the last one that its task instance started.

        A run without success may have been followed by one that does not show up yet; each try starts one at
        the most, and none while another goes on or after a success.
        """
        if self.announced or run.succeeded or not (run.is_finished or run.is_ending):
            return True
        return self.fingerprint.try_of(run) == self.fingerprint.try_number - 1


def _full_run(send: Send, listed: ActorRun) -> ActorRun:
    try:
        return send(get_run(listed.id))
    except ApifyNotFoundError:
        return listed
