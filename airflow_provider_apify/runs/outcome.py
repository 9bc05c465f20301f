"""How a wait for a run ended, as it travels from the triggerer to the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import (
    ApifyError,
    ApifyOutageError,
    ApifyRunGoesOnError,
    ApifyWaitTimeoutError,
)


class WaitEnd(StrEnum):
    """Why a wait is over."""

    FINISHED = "finished"
    ABORT_DUE = "abort_due"
    GIVE_UP_DUE = "give_up_due"
    OUTAGE = "outage"
    REFUSED = "refused"


_ERROR_BY_END = {
    WaitEnd.ABORT_DUE: ApifyWaitTimeoutError,
    WaitEnd.GIVE_UP_DUE: ApifyWaitTimeoutError,
    WaitEnd.OUTAGE: ApifyOutageError,
    WaitEnd.REFUSED: ApifyRunGoesOnError,
}


@dataclass(frozen=True)
class Outcome:
    """
    How a wait ended.

    :param run: the finished run, or the one whose abort was due and has been asked for.
    :param message: why the wait ended without a finished run, for people.
    """

    end: WaitEnd
    run_id: str
    run: ActorRun | None = None
    message: str = ""

    def to_event(self) -> dict[str, Any]:
        """Return the outcome as plain JSON."""
        run = self.run and self.run.info
        return {"end": str(self.end), "run_id": self.run_id, "run": run, "message": self.message}

    @classmethod
    def from_event(cls, event: Mapping[str, Any] | None) -> Outcome:
        """
        Read what :meth:`to_event` made; nothing but a whole event is accepted.

        :raises ApifyError: if the event is missing or not of this form.
        """
        try:
            assert event is not None
            end, run = WaitEnd(event["end"]), event["run"]
            if end is WaitEnd.FINISHED and not ActorRun(run).is_finished:
                raise ValueError(run)
            return cls(end, event["run_id"], run and ActorRun(run), event["message"])
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise ApifyError(
                f"The trigger sent an event that says nothing certain about the run: {event!r}. "
                "Look the run up in Apify Console; it may be going on."
            ) from error

    def finished_run(self) -> ActorRun:
        """
        Return the finished run, however it ended.

        :raises ApifyRunGoesOnError: if the wait stopped before the run's end.
        """
        if self.run is None:
            message = f"{self.message} The run {self.run_id} was left as it is at Apify, and may be going on."
            raise _ERROR_BY_END[self.end](message, run_id=self.run_id)
        return self.run
