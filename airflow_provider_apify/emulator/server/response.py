"""Responses of the API: JSON, the envelope ``data``, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.dataset_items import encode

Blocks = AsyncIterator[bytes | memoryview]
JSON_TYPE = "application/json; charset=utf-8"


@dataclass
class Response:
    """A response to send; ``length`` is the size of a body that comes in blocks, where it is known."""

    status: int = 200
    body: bytes | Blocks = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """Respond with JSON."""
    return Response(status, encode(value), JSON_TYPE, headers)


def data_response(value: Any, status: int = 200, **headers: str) -> Response:
    """Respond with JSON in the API's envelope ``{"data": …}``."""
    return json_response({"data": value}, status, **headers)


def error_response(error: ApiError) -> Response:
    """Respond with an error."""
    return json_response(error.body(), error.status, **error.headers)
