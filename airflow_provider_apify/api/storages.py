"""What datasets and key-value stores have in common in the API."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.errors import ApifyConfigurationError


def get_or_create(collection: str, kind: str, name: str) -> Call[dict[str, Any]]:
    """Get the account's storage of a name; Apify makes one if there is none."""
    if not name or "/" in name or "~" in name:
        raise ApifyConfigurationError(f"{name!r} is not a valid name for a {kind} of this account.")
    return Call(method="POST", path=f"/v2/{collection}", params={"name": name}, read=Answer.data)
