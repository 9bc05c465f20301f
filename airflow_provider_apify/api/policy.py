"""Decisions about calls, free of I/O: what an answer means, whether to try again, how long to wait first."""

from __future__ import annotations

import email.utils
import logging
import random
import time
from functools import partial
from typing import Any, TypeVar

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt

from airflow_provider_apify.api.calls import Answer, Call
from airflow_provider_apify.api.errors import (
    ApifyApiError,
    ApifyAuthenticationError,
    ApifyCapacityError,
    ApifyError,
    ApifyInputError,
    ApifyNotFoundError,
    ApifyPermissionError,
    ApifyRateLimitError,
    ApifyServerError,
    ApifyUnreachableError,
    ApifyUsageLimitError,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

# The first wait is the one that Apify recommends after a 429; the cap keeps a long outage from hiding.
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
# Some servers ask for hours; whoever waits for a run has to get a word in before that.
_LONGEST_RETRY_AFTER = 300.0

# Apify's `type` is the stable part of an error; the HTTP status only says what the type does not.
_CLASS_BY_TYPE: dict[str, type[ApifyApiError]] = {
    "actor-memory-limit-exceeded": ApifyCapacityError,
    "concurrent-runs-limit-exceeded": ApifyCapacityError,
    "rate-limit-exceeded": ApifyRateLimitError,
    "record-not-found": ApifyNotFoundError,
    "record-or-token-not-found": ApifyNotFoundError,
    "token-not-provided": ApifyAuthenticationError,
    "invalid-token": ApifyAuthenticationError,
    "user-or-token-not-found": ApifyAuthenticationError,
    "insufficient-permissions": ApifyPermissionError,
    "monthly-usage-limit-too-low": ApifyUsageLimitError,
    "not-enough-usage-to-run-paid-actor": ApifyUsageLimitError,
}
_CLASS_BY_STATUS: dict[int, type[ApifyApiError]] = {
    400: ApifyInputError,
    401: ApifyAuthenticationError,
    402: ApifyUsageLimitError,
    403: ApifyPermissionError,
    404: ApifyNotFoundError,
    413: ApifyInputError,
    415: ApifyInputError,
    429: ApifyRateLimitError,
}


def read(call: Call[T], answer: Answer) -> T:
    """
    Make the result of an answer.

    :param call: what was asked.
    :param answer: what came back.
    :raises ApifyApiError: if the answer is an error, or none of Apify's.
    """
    if not 200 <= answer.status < 300:
        raise _error(call, answer)
    try:
        return call.read(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise ApifyServerError(
            f"{call} got an answer that is not Apify's ({error!r}). Is the connection's host right?",
            status=answer.status,
        ) from error


def retrying(call: Call[Any]) -> dict[str, Any]:
    """
    Return the arguments of tenacity's `Retrying` and `AsyncRetrying` alike.

    :param call: the call that is to be tried.
    """
    return {
        "retry": retry_if_exception(lambda error: may_retry(call, error)),
        "stop": stop_after_attempt(call.patience),
        "wait": _wait,
        "before_sleep": partial(_tell, call),
        "reraise": True,
    }


def may_retry(call: Call[Any], error: BaseException) -> bool:
    """
    Return whether a call may be sent again.

    A call that is not replayable is sent again only if the first one provably had no effect.

    :param call: the call that failed.
    :param error: how it failed.
    """
    if isinstance(error, ApifyRateLimitError):
        return True
    if isinstance(error, ApifyUnreachableError):
        return call.replayable or not error.sent
    return isinstance(error, ApifyServerError) and call.replayable


def is_outage(error: BaseException) -> bool:
    """
    Return whether the API, or the way to it, was down.

    :param error: how a call failed.
    """
    return isinstance(error, ApifyUnreachableError | ApifyServerError)


def will_pass(error: BaseException) -> bool:
    """
    Return whether asking again later may help, with nothing changed.

    :param error: how a call failed.
    """
    return is_outage(error) or isinstance(error, ApifyRateLimitError)


def may_have_had_effect(error: ApifyError) -> bool:
    """
    Return whether a call that failed so may have been carried out.

    :param error: how it failed.
    """
    return isinstance(error, ApifyServerError) or (isinstance(error, ApifyUnreachableError) and error.sent)


def delay(attempt: int, error: BaseException | None = None) -> float:
    """
    Return how many seconds to wait before the next try: twice as long each time, with jitter.

    :param attempt: how many tries failed in a row, from 1.
    :param error: the last failure; a `Retry-After` in it wins.
    """
    asked = getattr(error, "retry_after", None)
    base = _FIRST_DELAY * 2.0 ** min(attempt - 1, 16)
    if asked is not None:
        # Spread those whom the server sent away together.
        return float(min(asked, _LONGEST_RETRY_AFTER)) + random.uniform(0, _FIRST_DELAY)  # noqa: S311
    return min(base, _LONGEST_DELAY / 2) * random.uniform(1, 2)  # noqa: S311


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return delay(state.attempt_number, error)


def _tell(call: Call[Any], state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    tries = f"{state.attempt_number} of {call.patience}"
    log.warning("Try %s failed; the next one follows in %.1f s. (%s)", tries, seconds, error)


def _error(call: Call[Any], answer: Answer) -> ApifyApiError:
    try:
        error = answer.json()["error"]
        type_, message, data = error["type"], str(error["message"]), error.get("data")
    except (KeyError, TypeError, ValueError):
        # A proxy or a load balancer speaks for itself: only its status can be trusted.
        type_, message, data = "", "the answer is not Apify's. Is the connection's host right?", None
    class_ = _CLASS_BY_TYPE.get(type_) or _CLASS_BY_STATUS.get(answer.status)
    if class_ is None:
        class_ = ApifyApiError if type_ and answer.status < 500 else ApifyServerError
    if class_ is ApifyNotFoundError and not type_:
        # That a run is gone, so that another one may be started, only Apify can say.
        class_ = ApifyServerError
    text = message if message.endswith((".", "?", "!")) else f"{message}."
    details = f" ({data})" if data else ""
    return class_(
        f"{call} was answered with {answer.status} {type_ or 'without an error type'}: {text}{details}",
        status=answer.status,
        type=type_,
        data=data,
        retry_after=_retry_after(answer),
    )


def _retry_after(answer: Answer) -> float | None:
    value = answer.headers.get("Retry-After")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
