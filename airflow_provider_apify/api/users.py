"""Calls about the account."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.api.call import Answer, Call


def get_user() -> Call[dict[str, Any]]:
    """Get the account that the token belongs to."""
    return Call(method="GET", path="/v2/users/me", max_attempts=2, read=Answer.data)
