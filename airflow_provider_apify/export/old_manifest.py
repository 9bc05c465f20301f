"""What the manifest of an earlier export lists; anybody may have put something else in its place."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.export.stores.destination import Destination


def old_entries(manifest: Destination, name: str, texts: tuple[str, ...]) -> list[dict[str, Any]]:
    """
    Return the list of a manifest that is there, or nothing; refuse a file that is no manifest.

    :param manifest: where it is.
    :param name: what the list is called.
    :param texts: what each of its entries has, as text.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(manifest.read() or json.dumps({name: []}))[name]
        if type(entries) is not list or not all(
            isinstance(entry[key], str) for entry in entries for key in texts
        ):
            raise TypeError
    except (ValueError, LookupError, TypeError, RecursionError):
        place = manifest.address.get("path", manifest.uri)
        raise ApifyConfigurationError(
            f"{place} is there, and is not the manifest of an export. Choose another place, or take that "
            "file away. Nothing was read."
        ) from None
    return entries
