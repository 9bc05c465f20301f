"""One request as the handlers see it, and the answer they give."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from airflow_provider_apify.emulator.accounts import User
from airflow_provider_apify.emulator.errors import ApiError, invalid_request, invalid_value, no_token
from airflow_provider_apify.emulator.items import encode

if TYPE_CHECKING:
    from airflow_provider_apify.emulator.platform import Platform

MAX_LIST = 1000
MAX_NUMBER = 10**12
MAX_SECONDS = 10**9
JSON_TYPE = "application/json; charset=utf-8"
Entry = TypeVar("Entry")


@dataclass
class Answer:
    """An answer, not yet sent.

    :param body: Bytes, or blocks of bytes as they come.
    :param length: Bytes of a body that comes in blocks, where it is known beforehand.
    """

    status: int = 200
    body: bytes | AsyncIterator[bytes | memoryview] = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON as it is."""
    return Answer(status, encode(value), JSON_TYPE, headers)


def data_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON in the API's envelope ``{"data": …}``."""
    return json_answer({"data": value}, status, **headers)


def error_answer(error: ApiError) -> Answer:
    """Answer with an error."""
    return json_answer(error.body(), error.status, **error.headers)


class Call:
    """A request, with its parameters read the way the API reads them.

    :param params: Values of the placeholders in the route's path.
    """

    def __init__(self, platform: Platform, request: web.BaseRequest, params: dict[str, str]) -> None:
        self.platform = platform
        self.request = request
        self.params = params
        self.query = request.query
        self.base_url = f"http://{request.host}"

    # -- who asks -------------------------------------------------------------------------------------------

    @property
    def token(self) -> str | None:
        """The token the request carries, if any."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        return self.query.get("token")

    @property
    def anyone(self) -> User | None:
        """The user who asks, or None without a token.

        :raises ApiError: if there is a token and it is not valid.
        """
        if self.token is None:
            return None
        user = self.platform.user_with_token(self.token)
        if user is None:
            raise ApiError(
                401, "user-or-token-not-found", "User was not found or authentication token is not valid"
            )
        return user

    @property
    def user(self) -> User:
        """The user who asks.

        :raises ApiError: if there is no valid token.
        """
        user = self.anyone
        if user is None:
            raise no_token()
        return user

    @property
    def inside_run(self) -> bool:
        """Whether an Actor's run asks, with the token it was given."""
        return self.token in self.platform.run_tokens

    # -- parameters -----------------------------------------------------------------------------------------

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter as text; an empty one counts as not given."""
        return self.query.get(name) or default

    def names(self, name: str) -> tuple[str, ...]:
        """Return a comma-separated parameter."""
        return tuple(
            part.strip() for part in ",".join(self.query.getall(name, [])).split(",") if part.strip()
        )

    def flag(self, name: str, default: bool | None = None) -> bool | None:
        """Return a boolean parameter: ``true``, ``1``, ``false`` or ``0``."""
        value = self.query.get(name)
        if value is None:
            return default
        if value.lower() not in ("true", "1", "false", "0"):
            raise invalid_value(f"Parameter {name} must be true, 1, false or 0.")
        return value.lower() in ("true", "1")

    def number(self, name: str, minimum: float = 0, maximum: float = MAX_NUMBER) -> float | None:
        """Return a numeric parameter."""
        value = self.query.get(name)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not minimum <= number <= maximum:
            raise invalid_value(f"Parameter {name} must be a number from {minimum:g} to {maximum:g}.")
        return number

    def integer(self, name: str, minimum: int = 0, maximum: int = MAX_NUMBER) -> int | None:
        """Return a numeric parameter that must be whole."""
        number = self.number(name, minimum, maximum)
        if number is not None and number != int(number):
            raise invalid_value(f"Parameter {name} must be an integer.")
        return None if number is None else int(number)

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        """Return a parameter that must be one of some words."""
        value = self.query.get(name)
        if value is not None and value not in set(allowed):
            raise invalid_value(f"Parameter {name} must be one of: {', '.join(sorted(allowed))}.")
        return value

    # -- body -----------------------------------------------------------------------------------------------

    async def body(self) -> bytes:
        """Return the request body, decompressed."""
        limit = self.platform.switches.max_payload_bytes
        parts, size = [], 0
        async for part in self.request.content.iter_any():
            size += len(part)
            if size <= limit:
                parts.append(part)
        if size > limit:
            raise ApiError(
                413,
                "request-too-large",
                f"The {self.request.method} payload is too large"
                f" (limit: {limit} bytes, actual length: {size} bytes).",
            )
        return decompress(b"".join(parts), self.request.headers.get("Content-Encoding", "identity"))

    async def json(self) -> Any:
        """Return the request body as JSON; None when it is empty."""
        return _parsed(await self.body())

    async def json_object(self, *, required: bool = True) -> dict[str, Any]:
        """Return the request body as a JSON object.

        :param required: Whether there must be one; otherwise an empty body counts as ``{}``.
        """
        body = await self.body()
        value = _parsed(body) if required or body.strip() else {}
        if not isinstance(value, dict):
            raise invalid_request("POST data must be a JSON object")
        return value

    # -- lists ----------------------------------------------------------------------------------------------

    def page(self, entries: Sequence[Entry], show: Callable[[Entry], Any]) -> Answer:
        """Answer with one page of a list, by the parameters ``offset``, ``limit`` and ``desc``.

        :param entries: The whole list, in ascending order.
        :param show: How an entry is shown.
        """
        offset = self.integer("offset") or 0
        # Whether the live service clamps a larger limit or refuses it is unknown.
        limit = min(self.integer("limit") or MAX_LIST, MAX_LIST)
        desc = bool(self.flag("desc"))
        ordered = entries[::-1] if desc else entries
        items = [show(entry) for entry in ordered[offset : offset + limit]]
        return data_answer(
            {
                "total": len(entries),
                "count": len(items),
                "offset": offset,
                "limit": limit,
                "desc": desc,
                "items": items,
            }
        )


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_constant) if body.strip() else None
    except ValueError:
        raise invalid_request("The request body is not valid JSON.") from None


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding.

    :raises ApiError: if the encoding is not one of gzip, deflate, br and identity.
    """
    try:
        match encoding.lower():
            case "identity":
                return body
            case "gzip" | "x-gzip":
                return zlib.decompress(body, wbits=31)
            case "deflate":
                return zlib.decompress(body)
            case "br":
                import brotli

                return bytes(brotli.decompress(body))
    except ImportError:
        pass
    except Exception:
        raise invalid_request(f"The request body is not valid {encoding}.") from None
    raise ApiError(415, "unsupported-content-encoding", f"Content-Encoding {encoding} is not supported.")
