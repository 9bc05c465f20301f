"""The Actor's log in the task's own: its last lines, or all of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from airflow.providers.common.compat.sdk import redact

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.call import DEFAULT_ATTEMPTS
from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.flow import Flow, Send
from airflow_provider_apify.api.foreign_text import visible_lines
from airflow_provider_apify.api.runs import get_log
from airflow_provider_apify.runs.best_effort import best_effort

#: How much of an Actor's log goes into the task's own: nothing, its end once the run is over, or all of it.
ActorLog = Literal["off", "tail", "full"]

#: How often to look at the log while the run goes on, in seconds.
LIVE_INTERVAL = 5.0
# Apify gives a log from its start only: a long one is read so rarely that this many characters a second,
# before compression, are not exceeded.
_CHARACTERS_PER_SECOND = 50_000
_TAIL_LINES = 50
_TAIL_CHARACTERS = 8000


def log_tail(run: ActorRun, send: Send, log: Any) -> list[str]:
    """Return the last lines of a run's log."""
    with best_effort(log, "the last lines of the Actor's log"):
        # Masked first: a secret may have several lines, and may lie across the cut.
        text = str(redact(send(get_log(run.id, max_attempts=2))))
        return visible_lines(text[-_TAIL_CHARACTERS:])[-_TAIL_LINES:]
    return ["(not available)"]


@dataclass
class LogReader:
    """Passes an Actor's log on to the task's, every line once and in order, also while its run goes on."""

    run_id: str
    log: Any
    _position: int = 0
    _due: float = 0

    def read_on(self, *, at_end: bool) -> Flow[None]:
        """Pass on the lines that are new; at the end of the run also a last one without a line break."""
        if at_end:
            with best_effort(self.log, "the rest of the Actor's log"):
                yield from self._read(at_end=True)
        elif time.time() >= self._due:
            # The next reading brings what this one does not.
            with suppress(ApifyHttpError):
                yield from self._read(at_end=False)

    def _read(self, *, at_end: bool) -> Flow[None]:
        text: str = yield get_log(self.run_id, max_attempts=DEFAULT_ATTEMPTS if at_end else 1)
        self._due = time.time() + len(text) / _CHARACTERS_PER_SECOND
        end = len(text) if at_end else text.rfind("\n") + 1
        # A lagging replica may know less than was passed on before.
        if end > self._position:
            for line in visible_lines(str(redact(text[self._position : end]))):
                self.log.info("%s", line)
            self._position = end
