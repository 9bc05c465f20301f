"""Which error an answer of Apify is; an answer that is not an error is read into its result."""

from __future__ import annotations

import email.utils
import time
from typing import Any, TypeVar

from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.errors import (
    ApifyApiError,
    ApifyAuthenticationError,
    ApifyCapacityError,
    ApifyInputError,
    ApifyNotFoundError,
    ApifyPermissionError,
    ApifyRateLimitError,
    ApifyServerError,
    ApifyUsageLimitError,
)

T = TypeVar("T")

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


def read_answer(call: Call[T], answer: Answer) -> T:
    """
    Make the result of an answer.

    :raises ApifyApiError: if the answer is an error, or not Apify's.
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
