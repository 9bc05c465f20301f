"""`apify://` URIs of assets: `apify://datasets/<id>` and the like, where the ID may be `username~name`."""

from __future__ import annotations

from urllib.parse import SplitResult

from airflow_provider_apify.api.arguments import resource_ref

#: What a URI may name, in the words of the API's paths.
KINDS = ("actors", "actor-tasks", "datasets", "key-value-stores", "request-queues")


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Check a URI of the scheme `apify`; Airflow calls this for every asset that has one.

    :param uri: the URI.
    :raises ValueError: if it does not name a resource.
    """
    try:
        if uri.netloc not in KINDS:
            raise ValueError(uri.netloc)
        return uri._replace(path=f"/{resource_ref('ID', uri.path.strip('/'))}")
    except ValueError:
        raise ValueError(
            f"{uri.geturl()!r} names nothing at Apify. Write apify://datasets/<ID or username~name>, or "
            f"another of {', '.join(KINDS)}."
        ) from None
