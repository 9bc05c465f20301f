"""Certificates (TLS) that are trusted: by the triggerer the same as by a worker."""

from __future__ import annotations

import os
import ssl
from functools import cache

from airflow_provider_apify.api.errors import ApifyConfigurationError


def ca_bundle() -> str:
    """
    Return the file or folder of certificates that `requests` uses.

    :raises ApifyConfigurationError: if there is none; `requests` would raise a bare `OSError`.
    """
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if place := os.environ.get(variable):
            if not os.path.exists(place):
                raise ApifyConfigurationError(
                    f"{variable} names a file that is not there: {place}. Name one with the certificates to "
                    "trust, on workers and triggerers, or unset the variable."
                )
            return place
    return DEFAULT_CA_BUNDLE_PATH


@cache
def tls_context() -> ssl.SSLContext:
    """Return what the triggerer trusts."""
    place = ca_bundle()
    if os.path.isdir(place):
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)
