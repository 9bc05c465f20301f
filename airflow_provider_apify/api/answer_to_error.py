"""Which error an answer of Apify is; an answer that is not an error is read into its result."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from airflow_provider_apify.api import errors
from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.foreign_text import foreign_text

T = TypeVar("T")

# Apify's `type` is the stable part of an error; the HTTP status only says what the type does not.
_CLASS_BY_TYPE_OR_STATUS: dict[str | int, type[errors.ApifyApiError]] = {
    "actor-memory-limit-exceeded": errors.ApifyCapacityError,
    "concurrent-runs-limit-exceeded": errors.ApifyCapacityError,
    "rate-limit-exceeded": errors.ApifyRateLimitError,
    "record-not-found": errors.ApifyNotFoundError,
    "record-or-token-not-found": errors.ApifyNotFoundError,
    "token-not-provided": errors.ApifyAuthenticationError,
    "invalid-token": errors.ApifyAuthenticationError,
    "user-or-token-not-found": errors.ApifyAuthenticationError,
    "insufficient-permissions": errors.ApifyPermissionError,
    "monthly-usage-limit-too-low": errors.ApifyUsageLimitError,
    "not-enough-usage-to-run-paid-actor": errors.ApifyUsageLimitError,
    400: errors.ApifyInputError,
    401: errors.ApifyAuthenticationError,
    402: errors.ApifyUsageLimitError,
    403: errors.ApifyPermissionError,
    404: errors.ApifyNotFoundError,
    # Declared for the start and the long poll; whether the call had an effect stays open.
    408: errors.ApifyServerError,
    413: errors.ApifyInputError,
    415: errors.ApifyInputError,
    429: errors.ApifyRateLimitError,
}


def read_answer(call: Call[T], answer: Answer, secrets: Iterable[str] = ()) -> T:
    """Return the result of an answer; raise :class:`ApifyApiError` if it is an error, or not Apify's."""
    if not 200 <= answer.status < 300:
        raise error_of(call, answer, secrets)
    with from_apify(call, answer.status, secrets):
        call.check(answer.headers)
        return call.read(answer)


@contextmanager
def from_apify(call: Call[Any], status: int, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Take whatever cannot be read of a successful answer for a sign that it is not Apify's."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        # Without its cause, which may hold the whole body.
        why = f"{type(error).__name__}: {foreign_text(error, secrets)}"
        raise not_apifys(call, status, why) from None


def not_apifys(call: Call[Any], status: int, why: str) -> errors.ApifyServerError:
    """Return the error about a successful answer that cannot be Apify's."""
    return errors.ApifyServerError(
        f"{call} got an answer that is not Apify's ({why}). Is the connection's host right, and does no "
        "proxy answer in its place?",
        status=status,
    )


def refuse_packed(
    call: Call[Any], status: int, asked: Mapping[str, Any], answered: Mapping[str, str]
) -> None:
    """Refuse a compression that was not asked for, as nothing undoes it."""
    known = f"{asked.get('Accept-Encoding')},identity".replace(" ", "").split(",")
    packed = (answered.get("Content-Encoding") or "identity").lower().replace(" ", "").split(",")
    if 200 <= status < 300 and not {*known}.issuperset(packed):
        raise not_apifys(call, status, f"its encoding, {foreign_text(packed[-1])}, was not asked for")


def error_of(call: Call[Any], answer: Answer, secrets: Iterable[str] = ()) -> errors.ApifyApiError:
    """Return the error that an answer is."""
    try:
        error = answer.json()["error"]
        type_, message = foreign_text(error["type"], secrets), foreign_text(error["message"], secrets)
        details = foreign_text(json.dumps(error.get("data") or "", ensure_ascii=False), secrets)
    except (KeyError, TypeError, ValueError, RecursionError):
        # A proxy or a load balancer speaks for itself: only its status can be trusted.
        type_, message, details = "", f"{_what_else(answer, secrets)}. Is the connection's host right?", '""'
    try:
        data = json.loads(details) or None
    except ValueError:  # cut
        data = None
    class_ = _CLASS_BY_TYPE_OR_STATUS.get(type_) or _CLASS_BY_TYPE_OR_STATUS.get(answer.status)
    if class_ is None:
        class_ = errors.ApifyApiError if type_ and answer.status < 500 else errors.ApifyServerError
    if class_ is errors.ApifyNotFoundError and not type_:
        # That a run is gone, so that another one may be started, only Apify can say.
        class_ = errors.ApifyServerError
    text = message if message.endswith((".", "?", "!")) else f"{message}."
    details = "" if details == '""' else f" ({details})"
    return class_(
        f"{call} was answered with {answer.status} {type_ or 'without an error type'}: {text}{details}",
        status=answer.status,
        type=type_,
        data=data,
        retry_after=_retry_after(answer.headers.get("Retry-After") or ""),
    )


def _what_else(answer: Answer, secrets: Iterable[str]) -> str:
    """Say what an answer is that is no error of Apify's; a place by its host: its URL may hold a secret."""
    try:
        place = urlsplit(answer.headers.get("Location") or "")
        host = f"{place.scheme}://{place.hostname}" if place.hostname else ""
    except ValueError:
        host = ""
    if 300 <= answer.status < 400 and host:
        return f"the answer points to {foreign_text(host, secrets)}, which is not followed"
    return "the answer is not Apify's"


def _retry_after(value: str) -> float | None:
    """Read the two forms of the header: seconds, or a date."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
