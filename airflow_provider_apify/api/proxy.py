"""The HTTP proxy on the way to Apify: the same one on a worker and in the triggerer."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_provider_apify.api.errors import ApifyConfigurationError


def proxy_for(url: str, proxy: str | None) -> str | None:
    """Return the proxy's URL: the given one, or what the environment names for this URL; None for none."""
    from requests.utils import get_environ_proxies, select_proxy

    chosen = proxy or select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not chosen:
        return None
    chosen = chosen if "://" in chosen else f"http://{chosen}"
    try:
        parts = urlsplit(chosen)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # The URL itself is not quoted: a password may be in it.
        raise ApifyConfigurationError(
            "The proxy cannot be used: only http://host:port and https://host:port are. Correct `proxy` in "
            "the connection's extra, or HTTPS_PROXY, HTTP_PROXY and ALL_PROXY in the environment."
        )
    return chosen
