"""Redirects: to be followed where Apify documents one, and by nothing that could take the token elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from airflow_provider_apify.api.call import Call

#: Apify answers with one, and the store that it names may answer with another.
MAX_REDIRECTS = 5
_STATUSES = (301, 302, 303, 307, 308)


def redirected(
    call: Call[Any], request: Mapping[str, Any], status: int, answered: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the request that an answer asks for in place of one; None if the answer is the last."""
    location = answered.get("Location")
    if not call.may_redirect or status not in _STATUSES or not location:
        return None
    try:
        url = urljoin(request["url"], location)
        old, new = urlsplit(request["url"]), urlsplit(url)
        # aiohttp raises no error of its own for a host that is none.
        (new.hostname or "").encode("idna")
    except ValueError:
        return None
    # Over https to the end where the connection is https; and no `file:`.
    if new.scheme not in ("https", old.scheme):
        return None
    headers = dict(request["headers"])
    if new[:2] != old[:2]:
        headers.pop("Authorization", None)
    return {**request, "url": url, "params": None, "headers": headers}
