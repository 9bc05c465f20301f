"""`apify://` URIs of assets: `apify://datasets/<id>` and the like, where the ID may be `username~name`."""

from __future__ import annotations

import re
from urllib.parse import SplitResult

#: What a URI may name, in the words of the API's paths.
KINDS = ("actors", "actor-tasks", "datasets", "key-value-stores", "request-queues")


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Check a URI of the scheme `apify`; Airflow calls this for every asset that has one.

    :param uri: the URI.
    :raises ValueError: if it does not name a resource.
    """
    name = uri.path.strip("/").replace("/", "~")
    if uri.netloc not in KINDS or not re.fullmatch(r"[A-Za-z0-9._-]*~?[A-Za-z0-9._-]+", name):
        raise ValueError(
            f"{uri.geturl()!r} names nothing at Apify. Write apify://datasets/<ID or username~name>, or "
            f"another of {', '.join(KINDS)}."
        )
    return uri._replace(path=f"/{name}")
