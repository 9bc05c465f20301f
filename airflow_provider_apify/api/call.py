"""One call to Apify's API, as a value: what is sent, and how its answer is read."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Generic, TypeVar, cast

from airflow_provider_apify.api.foreign_text import foreign_text

T = TypeVar("T")
S = TypeVar("S")

#: Most entries of a list in one answer (API reference, "Pagination").
MAX_LIST_LIMIT = 1000
#: How often a call is tried at the most, unless it says otherwise.
DEFAULT_ATTEMPTS = 8
#: A body may take as long as its bytes take at this speed, beside the connection's timeout: bytes per second.
LEAST_SPEED = 16 << 10

# Most bytes of an answer, decoded, that are held in memory.

#: The longest that Apify gives of its own accord, a list of a thousand runs, has some megabytes: what has
#: more is not Apify's.
MAX_ANSWER_BYTES = 16 << 20
#: A page of items or a record, which a user asks for as a whole; transfers, which do not hold it, take more.
MAX_BULK_BYTES = 256 << 20
#: A log: 10,485,760 characters ("Limits" in Apify's documentation), of at most four bytes each.
MAX_LOG_BYTES = 40 << 20
#: Of an error no more is read: one of Apify has some hundred bytes.
MAX_ERROR_BYTES = 64 << 10


_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


def known_id(value: Any) -> str | None:
    """Return an ID if it is one such as Apify gives: others would lead elsewhere in a path or a link."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type that an answer says it has, in lower case and without parameters."""
    return (headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def refuse_html(headers: Mapping[str, str]) -> None:
    """Refuse an HTML page: Apify gives none unless it is asked for one, but proxies and portals do."""
    if media_type(headers) == "text/html":
        raise ValueError("it is an HTML page, such as a proxy or a captive portal gives")


def marks_end(headers: Mapping[str, str]) -> bool:
    """Return whether more than the end of the connection marks the end of a body."""
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower()


def require_end(headers: Mapping[str, str]) -> None:
    """Refuse a body that may have been cut on the way, as only the end of the connection marks its end."""
    if not marks_end(headers):
        raise ValueError("nothing marks its end, so it may be cut: a proxy took its Content-Length away")


def parse_json(body: bytes) -> Any:
    """Parse JSON; raise :class:`ValueError` whatever is wrong with it."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer; the headers are found in any case, the body is decoded unless the call is raw."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def sent_at(self) -> float | None:
        """Apify's own time when it answered, in seconds since the epoch; None if the answer does not say."""
        try:
            return email.utils.parsedate_to_datetime(self.headers["Date"]).timestamp()
        except (KeyError, ValueError, OverflowError):
            return None

    def json(self) -> Any:
        """Return the parsed body; raise :class:`ValueError` if it is not JSON."""
        return parse_json(self.body)

    def data(self) -> dict[str, Any]:
        """Return the object that the API wraps in `data`."""
        data = self.json()["data"]
        if not isinstance(data, dict):
            raise ValueError("its `data` is no object")
        return data

    def resource(self) -> dict[str, Any]:
        """Return the object that the API wraps in `data`, and whose `id` is one."""
        data = self.data()
        if not known_id(data.get("id")):
            raise ValueError("its `id` is none of Apify's")
        return data


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """
    One call to the API.

    :param path: path below the base URL.
    :param read: makes the result of a successful answer.
    :param check: refuses, with a ValueError, the headers of a successful answer that cannot be Apify's.
    :param params: query parameters; those that are None are not sent.
    :param replayable: whether sending the call again has no further effect.
    :param max_attempts: how often the call is tried at the most.
    :param wait: seconds that the server may hold the answer on purpose.
    :param give_up_after: seconds after which a try is given up although its answer is still coming.
    :param raw: leave the body as it came over the wire (`Content-Encoding` not undone); on a worker only.
    :param max_bytes: largest body to accept, where users decide how large it is; a larger one is given up as
        soon as its size is seen. Any other body has at most `MAX_ANSWER_BYTES`.
    :param max_inflation: how many times its bytes on the wire a large download may have.
    :param may_redirect: whether to go where the answer points; for a GET.
    """

    method: str
    path: str
    read: Callable[[Answer], T]
    check: Callable[[Mapping[str, str]], None] = refuse_html
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    replayable: bool = True
    max_attempts: int = DEFAULT_ATTEMPTS
    wait: float = 0
    give_up_after: float = inf
    raw: bool = False
    max_bytes: int | None = None
    max_inflation: float = inf
    may_redirect: bool = False

    def __str__(self) -> str:
        # A path may hold a record's key.
        return f"{self.method} {foreign_text(self.path)}"

    def read_as(self, read: Callable[[Answer], S], **changes: Any) -> Call[S]:
        """Return the same call with another result, and with other attributes changed."""
        return cast("Call[S]", replace(self, read=cast("Any", read), **changes))


def no_result(answer: Answer) -> None:
    """Read an answer that tells nothing but its success."""
