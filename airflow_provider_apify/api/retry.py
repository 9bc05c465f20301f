"""Whether a failed call is sent again, and how long to wait first; decisions free of I/O."""

from __future__ import annotations

import logging
import random
from functools import partial
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyHttpError

log = logging.getLogger(__name__)

# The first wait is the one that Apify recommends after a 429; the cap keeps a long outage from hiding.
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
# Some servers ask for hours; whoever waits for a run has to get a word in before that.
_LONGEST_RETRY_AFTER = 300.0


def retrying(call: Call[Any]) -> dict[str, Any]:
    """Return the arguments of tenacity's `Retrying` and `AsyncRetrying` alike."""
    return {
        "retry": retry_if_exception(lambda error: may_retry(call, error)),
        "stop": stop_after_attempt(call.max_attempts),
        "wait": lambda state: delay(state.attempt_number, _error_of(state)),
        "before_sleep": partial(_log_retry, call),
        "reraise": True,
    }


def may_retry(call: Call[Any], error: BaseException) -> bool:
    """Return whether to send a failed call again; one that is not replayable only if it had no effect."""
    return will_pass(error) and (call.replayable or not may_have_had_effect(error))


def will_pass(error: BaseException) -> bool:
    """Return whether asking again later may help, with nothing changed."""
    return isinstance(error, ApifyHttpError) and error.transient


def may_have_had_effect(error: BaseException) -> bool:
    """Return whether a call that failed with this error may have been carried out."""
    return isinstance(error, ApifyHttpError) and not error.no_effect


def delay(attempt: int, error: BaseException | None = None) -> float:
    """
    Return how many seconds to wait before the next try: twice as long each time, with jitter.

    :param attempt: how many tries failed in a row, from 1.
    :param error: the last failure; a `Retry-After` in it wins.
    """
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        # Spread those whom the server sent away together.
        return float(min(asked, _LONGEST_RETRY_AFTER)) + random.uniform(0, _FIRST_DELAY)  # noqa: S311
    base = _FIRST_DELAY * 2.0 ** min(attempt - 1, 16)
    return min(base, _LONGEST_DELAY / 2) * random.uniform(1, 2)  # noqa: S311


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _log_retry(call: Call[Any], state: RetryCallState) -> None:
    seconds = state.next_action.sleep if state.next_action else 0
    tries = f"{state.attempt_number} of {call.max_attempts}"
    log.warning("Try %s failed; the next one follows in %.1f s. (%s)", tries, seconds, _error_of(state))
