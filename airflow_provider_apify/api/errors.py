"""
Every error this package raises, as one tree.

::

    ApifyError
    ├── ApifyConfigurationError          what the user asked for cannot be done; nothing was sent
    ├── ApifyHttpError
    │   ├── ApifyUnreachableError        no whole answer came; `sent`: it may have had an effect
    │   │   ├── ApifyCertificateError        the TLS certificate is not trusted here
    │   │   └── ApifyLocalResourceError      this machine has no file descriptor left
    │   └── ApifyApiError                Apify answered with an error: `status`, `type`, `data`
    │       ├── ApifyAuthenticationError     the token is missing or wrong
    │       ├── ApifyPermissionError         the token may not do this
    │       ├── ApifyNotFoundError           no such Actor, task, run, dataset, store or record
    │       ├── ApifyInputError              the Actor's input or an option was refused; nothing was started
    │       ├── ApifyCapacityError           "not now": the account's memory or number of runs is used up
    │       ├── ApifyUsageLimitError         the plan or the credit does not allow it
    │       ├── ApifyRateLimitError          too many requests
    │       └── ApifyServerError             Apify, or a proxy before it, failed (5xx, 408)
    ├── ApifyRunError                    the run ended without success: `run` holds the run info
    │   ├── ApifyRunFailedError
    │   ├── ApifyRunAbortedError
    │   └── ApifyRunTimedOutError
    ├── ApifyRunGoesOnError              we stopped waiting; the run goes on at Apify: `run_id`
    │   ├── ApifyWaitTimeoutError            `wait_timeout` passed
    │   └── ApifyOutageError                 the API could not be reached for too long
    ├── ApifyStartUncertainError         a run may have been started and cannot be told apart: `candidates`
    └── ApifyDataError                   data is not whole, or not what it should be
        └── ApifyTooLargeError               an answer has more bytes than the caller is ready to hold

The root is a plain ``Exception`` on purpose: a deferred sensor with ``soft_fail`` turns every
``AirflowException`` into SKIPPED, and a failed run must never look skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_apify.api.foreign_text import visible_lines


class ApifyError(Exception):
    """Root of all errors of this package; whatever others wrote is visible in its message."""

    def __init__(self, message: str = "") -> None:
        super().__init__("\n".join(visible_lines(message)))

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception's own way calls the class with the message alone.
        return _remake, (type(self), self.args, self.__dict__.copy())


def _remake(class_: type[ApifyError], args: tuple[Any, ...], attributes: dict[str, Any]) -> ApifyError:
    """Return a copy of an error, for `pickle` and `copy`."""
    error = class_.__new__(class_, *args)
    error.__dict__.update(attributes)
    return error


class ApifyConfigurationError(ApifyError, ValueError):
    """An argument or the connection cannot be used as it is; nothing was sent to Apify."""


class ApifyHttpError(ApifyError):
    """
    A call to the API brought no result.

    `no_effect` says that the call was certainly not carried out, `transient` that asking again may help.
    """

    no_effect = False
    transient = False


class ApifyUnreachableError(ApifyHttpError):
    """No whole answer came back; `sent` says whether the request may have had an effect at Apify."""

    transient = True

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent
        self.no_effect = not sent


class ApifyCertificateError(ApifyUnreachableError):
    """The TLS certificate is not trusted on this machine; nothing was sent."""

    transient = False


class ApifyLocalResourceError(ApifyUnreachableError):
    """This machine has no file descriptor left for a connection; nothing was sent, and Apify is not away."""


class ApifyApiError(ApifyHttpError):
    """
    Apify answered with an error.

    :param status: the HTTP status.
    :param type: Apify's own name of the error; the stable part of its answer.
    :param data: details that Apify adds to some types.
    :param retry_after: seconds the server asked to wait, if it did.
    """

    hint = ""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        type: str = "",
        data: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{message} {self.hint}".rstrip())
        self.status = status
        self.type = type
        self.data = data or {}
        self.retry_after = retry_after
        # A proxy that speaks for itself does not know what became of the call, but for one that it held back.
        self.no_effect = self.no_effect and (bool(type) or status == 429)


class ApifyAuthenticationError(ApifyApiError):
    """The token is missing or not valid (401)."""

    no_effect = True
    hint = (
        "Copy a valid API token from Apify Console (Settings > API & Integrations) "
        "into the password of the Airflow connection."
    )


class ApifyPermissionError(ApifyApiError):
    """The token is valid and may not do this (403)."""

    no_effect = True
    hint = "Give the token the permission it lacks, or use the token of the account that owns the resource."


class ApifyNotFoundError(ApifyApiError):
    """There is no such resource, or the token may not know of it (404)."""

    no_effect = True
    hint = "Check the ID or the name, and that the token belongs to an account that can see it."


class ApifyInputError(ApifyApiError):
    """Apify refused the input or an option (400); nothing was started or charged."""

    no_effect = True
    hint = "Nothing was started. Correct the input or the option named above."


class ApifyCapacityError(ApifyApiError):
    """The account's memory or number of concurrent runs is used up right now."""

    no_effect = True
    hint = "Nothing was started. Let the task wait (`wait_for_capacity`) or limit it with an Airflow pool."


class ApifyUsageLimitError(ApifyApiError):
    """The plan, the credit or a spending limit does not allow it (402)."""

    no_effect = True
    hint = "Nothing was started. See the account's limits and billing in Apify Console."


class ApifyRateLimitError(ApifyApiError):
    """Too many requests (429)."""

    no_effect = True
    transient = True


class ApifyServerError(ApifyApiError):
    """Apify, or a proxy in front of it, failed (5xx, 408, or an answer that is not Apify's)."""

    transient = True


class ApifyRunError(ApifyError):
    """The run ended without success; `run` holds the run info, under the API's own keys."""

    def __init__(self, message: str, *, run: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.run = run


class ApifyRunFailedError(ApifyRunError):
    """The run ended as FAILED."""


class ApifyRunAbortedError(ApifyRunError):
    """The run ended as ABORTED."""


class ApifyRunTimedOutError(ApifyRunError):
    """The run ended as TIMED-OUT: it reached its own limit at Apify (`run_timeout`)."""


class ApifyRunGoesOnError(ApifyError):
    """The wait stopped, and the run `run_id` goes on, and costs money, at Apify."""

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class ApifyWaitTimeoutError(ApifyRunGoesOnError):
    """`wait_timeout` passed before the run ended."""


class ApifyOutageError(ApifyRunGoesOnError):
    """Apify could not be asked about the run for longer than is tolerated."""


class ApifyStartUncertainError(ApifyError):
    """A run may have been started, and it cannot be told which one; `candidates` holds IDs of runs."""

    def __init__(self, message: str, *, candidates: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)


class ApifyDataError(ApifyError):
    """Data is incomplete, too large or not what was expected; the message says what was written, if any."""


class ApifyTooLargeError(ApifyDataError):
    """An answer has more bytes than the caller is ready to hold in memory."""
