"""A request to the API: token, query parameters, body."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Collection
from typing import Any

from aiohttp import web

from airflow_provider_apify.emulator.platform.api_errors import (
    ApiError,
    invalid_request,
    invalid_value,
    no_token,
)
from airflow_provider_apify.emulator.platform.registry import Platform
from airflow_provider_apify.emulator.platform.users import User

MAX_NUMBER = 10**12
MAX_SECONDS = 10**9


class Call:
    """A request to the API; ``params`` are the values of the placeholders in the path."""

    def __init__(self, platform: Platform, request: web.BaseRequest, params: dict[str, str]) -> None:
        self.platform = platform
        self.request = request
        self.params = params
        self.query = request.query
        self.base_url = f"http://{request.host}"

    @property
    def token(self) -> str | None:
        """The token in the request, or None."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        return self.query.get("token")

    @property
    def anyone(self) -> User | None:
        """The user of the token, or None without a token; a token that is not valid is refused."""
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
        """The user of the token; a request without a valid token is refused."""
        user = self.anyone
        if user is None:
            raise no_token()
        return user

    @property
    def inside_run(self) -> bool:
        """Whether the token is that of a run."""
        return self.token in self.platform.run_tokens

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter as text; an empty one counts as missing."""
        return self.query.get(name) or default

    def names(self, name: str, allowed: Collection[str] | None = None) -> tuple[str, ...]:
        """Return the words of a comma-separated parameter, each of them an allowed one."""
        words = [part.strip() for part in ",".join(self.query.getall(name, [])).split(",")]
        if allowed is not None and not set(filter(None, words)) <= set(allowed):
            raise _not_one_of(name, allowed)
        return tuple(filter(None, words))

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

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return a parameter that must be one of the allowed words."""
        value = self.query.get(name)
        if value is not None and value not in allowed:
            raise _not_one_of(name, allowed)
        return value

    async def body(self) -> bytes:
        """Return the decompressed request body."""
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
        return _decompress(b"".join(parts), self.request.headers.get("Content-Encoding", "identity"))

    async def json(self) -> Any:
        """Return the request body as JSON; None when it is empty."""
        return _parsed(await self.body())

    async def json_object(self, *, required: bool = True) -> dict[str, Any]:
        """Return the request body as a JSON object; unless ``required``, an empty body counts as ``{}``."""
        body = await self.body()
        value = _parsed(body) if required or body.strip() else {}
        if not isinstance(value, dict):
            raise invalid_request("POST data must be a JSON object")
        return value


def _not_one_of(name: str, allowed: Collection[str]) -> ApiError:
    return invalid_value(f"Parameter {name} must be one of: {', '.join(sorted(allowed))}.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant) if body.strip() else None
    except ValueError:
        raise invalid_request("The request body is not valid JSON.") from None


def _decompress(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding: gzip, deflate, br or identity."""
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
