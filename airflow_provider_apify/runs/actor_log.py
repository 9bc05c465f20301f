"""An Actor's log, passed on while its run goes on: every line once, in order."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.runs import get_log
from airflow_provider_apify.api.errors import ApifyHttpError

# Apify gives a log from its start only: a long one is read so rarely that this many characters a second,
# before compression, are not exceeded.
_CHARACTERS_PER_SECOND = 50_000
#: Lines that are shown of a log when not all of it is.
TAIL_LINES = 50
_TAIL_CHARACTERS = 8000


def tail(log: str) -> str:
    """
    Return the end of a log.

    :param log: the log.
    """
    return "\n".join(log.splitlines()[-TAIL_LINES:])[-_TAIL_CHARACTERS:]


@dataclass(frozen=True)
class LogLines:
    """
    Lines of an Actor's log that are to be passed on: a step of a flow.

    :param lines: the lines, each behind the time it was written at.
    :param position: how much of the log is passed on with them, in characters; a later wait goes on there.
    """

    lines: list[str]
    position: int


@dataclass
class LogReader:
    """
    Reads on in the log of one run.

    :param run_id: the run.
    :param position: how much of it was passed on before, in characters; None to pass nothing on.
    """

    run_id: str
    position: int | None
    _due: float = 0

    def read_on(self, *, at_end: bool = False) -> Generator[Call[Any] | LogLines, Any, None]:
        """
        Pass on what is new.

        :param at_end: the run is over: take what there is, a last line without an end too.
        """
        if self.position is None or (time.time() < self._due and not at_end):
            return
        try:
            log: str = yield get_log(self.run_id, patience=8 if at_end else 1)
        except ApifyHttpError as error:
            # The next reading brings what this one did not.
            if at_end:
                yield LogLines([f"(The rest of the Actor's log could not be read: {error})"], self.position)
            return
        self._due = time.time() + len(log) / _CHARACTERS_PER_SECOND
        end = len(log) if at_end else log.rfind("\n") + 1
        # A lagging replica may know less than was passed on before.
        if end > self.position:
            lines = log[self.position : end].splitlines()
            self.position = end
            yield LogLines(lines, end)
