"""Where the API is reached, and how: base URL, token, times, proxy, User-Agent, headers of every request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify.api.call import Call


@dataclass(frozen=True)
class Endpoint:
    """
    Where and how the API is reached.

    :param token: API token; goes into the `Authorization` header and nowhere else.
    :param base_url: scheme, host and port.
    :param timeout: seconds to wait for a connection, and for the next byte of an answer.
    :param long_poll: seconds to let the API hold an answer while waiting for a run.
    :param proxy: URL of an HTTP proxy; without it the environment's proxy variables count.
    :param user_agent: names us to Apify.
    """

    token: str = field(repr=False)
    base_url: str
    timeout: float
    long_poll: float
    proxy: str | None
    user_agent: str

    def headers(self, call: Call[Any]) -> dict[str, str]:
        """Return the headers of a request, without the token."""
        return {
            "User-Agent": self.user_agent,
            # Asked of every integration ("Integrate with Apify" in Apify's documentation).
            "x-apify-integration-platform": "airflow",
            **call.headers,
        }

    def url(self, call: Call[Any]) -> str:
        """Return the URL of a request, without its parameters."""
        return self.base_url + call.path
