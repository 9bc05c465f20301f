"""An Airflow connection of the type `apify`, read and checked; `get_provider_info` has its form."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_apify import __version__
from airflow_provider_apify.api.arguments import seconds
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.http_client import Endpoint
from airflow_provider_apify.api.runs import MAX_WAIT_SECONDS
from airflow_provider_apify.get_provider_info import DEFAULT_BASE_URL

log = logging.getLogger(__name__)

_USER_AGENT = f"airflow-provider-apify/{__version__} apache-airflow/{airflow_version}"
_DEFAULT_REQUEST_TIMEOUT = 60.0
# Below the 60 s after which most proxies close an idle connection.
_DEFAULT_LONG_POLL = 55.0


def endpoint_of(connection: Connection, extra: Mapping[str, Any]) -> Endpoint:
    """Return the endpoint that a connection describes, if its token and numbers can be used."""
    token = (connection.password or "").strip()
    if not token:
        raise ApifyConfigurationError(
            f"The connection {connection.conn_id!r} has no API token. Copy it from Apify Console "
            "(Settings > API & Integrations) into the connection's password."
        )
    if not re.fullmatch(r"[!-~]+", token):
        # Not left to the HTTP library, whose error would quote it.
        raise ApifyConfigurationError(
            f"The API token of the connection {connection.conn_id!r} has spaces, line breaks or characters "
            "that no token has. Copy it once more from Apify Console (Settings > API & Integrations)."
        )
    # Apify's documentation writes its URLs with the version, which each call brings along.
    base_url = (connection.host or DEFAULT_BASE_URL).rstrip("/").removesuffix("/v2").rstrip("/")
    if "://" not in base_url:
        base_url = f"https://{base_url}"
    if connection.port:
        base_url = f"{base_url}:{connection.port}"
    if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?(/[\w./~-]*)?", base_url, re.ASCII):
        # Not quoted: errors tell the host, and a user name, a password or a query may be secret.
        raise ApifyConfigurationError(
            f"The host of the connection {connection.conn_id!r} cannot be used. Give a host such as "
            "https://api.apify.com alone, without a user name, a password and parameters, and the API token "
            "as the connection's password."
        )
    _warn_of_clear_text(base_url)
    timeout = seconds("request_timeout", extra.get("request_timeout"))
    long_poll = seconds("long_poll_seconds", extra.get("long_poll_seconds"))
    return Endpoint(
        token=token,
        base_url=base_url,
        timeout=timeout or _DEFAULT_REQUEST_TIMEOUT,
        long_poll=_DEFAULT_LONG_POLL if long_poll is None else min(long_poll, MAX_WAIT_SECONDS),
        proxy=extra.get("proxy") or None,
        user_agent=_USER_AGENT,
    )


@cache
def _warn_of_clear_text(base_url: str) -> None:
    """Warn, once for each host, of a token that anybody on the way can read."""
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        log.warning(
            "The API token travels to %s in the clear, for anybody on the way to read. Use https:// in the "
            "connection's host.",
            base_url,
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def missing_connection(conn_id: str) -> ApifyConfigurationError:
    """Return the error that says how to make a connection that does not exist."""
    return ApifyConfigurationError(
        f"There is no Airflow connection {conn_id!r}. Create one of the type Apify with the API token as its "
        f"password, or set AIRFLOW_CONN_{conn_id.upper()}."
    )
