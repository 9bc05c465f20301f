"""Certificates (TLS) that the triggerer trusts: the same as a worker's."""

from __future__ import annotations

import os
import ssl
from functools import cache


@cache
def tls_context() -> ssl.SSLContext:
    """Use the CA bundle that `requests` uses, so that worker and triggerer trust the same hosts."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    place = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    if os.path.isdir(place):
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)
