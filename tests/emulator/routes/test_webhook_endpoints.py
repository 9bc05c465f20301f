from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.http_client import HttpClient, error_of


@pytest.mark.parametrize(
    "change",
    [
        {"eventTypes": []},
        {"eventTypes": ["NO.SUCH"]},
        {"requestUrl": "ftp://x"},
        {"condition": {}},
        {"condition": None},
    ],
)
def test_bad_webhooks_are_refused(http: HttpClient, change: dict[str, Any]) -> None:
    webhook = {"eventTypes": ["TEST"], "requestUrl": "http://a", "condition": {"actorId": "x"}, **change}
    assert error_of(http("POST", "/v2/webhooks", json=webhook)) == (400, "invalid-request")
