"""Redirects, on a worker and on an event loop: followed for records alone, and never with the token."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.api.actors import get_user
from airflow_provider_apify.api.datasets import get_items
from airflow_provider_apify.api.errors import ApifyServerError
from airflow_provider_apify.api.key_value_stores import get_record
from airflow_provider_apify.api.redirects import MAX_REDIRECTS, redirected
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook

DRIVERS = pytest.mark.parametrize("driver", ["worker", "event loop"])


async def send(hook: ApifyHook, call: Any, driver: str) -> Any:
    """Send a call once, on a worker or on an event loop."""
    call = replace(call, max_attempts=1)
    if driver == "worker":
        return await asyncio.to_thread(hook.send, call)
    async with hook.async_client() as client:
        return await client.send(call)


def pointing_to(location: str, status: int = 302) -> Fault:
    return Fault("answer", "*", "/v2/*", status=status, body="", headers={"Location": location})


@pytest.fixture(autouse=True)
def _netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text("default login somebody password netrc-secret\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


@DRIVERS
async def test_a_record_is_fetched_from_where_it_lies_without_any_credentials(
    hook: ApifyHook, emulator: Emulator, driver: str
) -> None:
    emulator.switches.redirect_record_bytes = 1
    store_id = emulator.create_key_value_store({"k": "v"})
    assert (await send(hook, get_record(store_id, "k"), driver)).value == b"v"
    first, second = emulator.requests
    assert first.headers["Authorization"] == f"Bearer {hook.endpoint.token}"
    assert second.headers["Host"].startswith("localhost")
    assert "Authorization" not in second.headers


@DRIVERS
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [get_user(), get_items("d")], ids=str)
async def test_nothing_else_is_redirected(
    hook: ApifyHook, emulator: Emulator, server: Any, driver: str, call: Any, status: int
) -> None:
    place = server.url.replace("127.0.0.1", "localhost")
    emulator.faults.add(pointing_to(f"{place}/v2/users/me?signature=hidden", status))
    with pytest.raises(ApifyServerError, match=r"points to http://localhost, .* host right") as raised:
        await send(hook, call, driver)
    assert "hidden" not in str(raised.value)
    assert len(emulator.requests) == 1


@DRIVERS
async def test_a_circle_of_redirects_has_an_end(hook: ApifyHook, emulator: Emulator, driver: str) -> None:
    emulator.faults.add(pointing_to("/v2/elsewhere"))
    with pytest.raises(ApifyServerError, match="302"):
        await send(hook, get_record("s", "k"), driver)
    assert len(emulator.requests) == MAX_REDIRECTS + 1


@DRIVERS
async def test_a_redirect_to_a_host_that_is_none_is_not_followed(
    hook: ApifyHook, emulator: Emulator, driver: str
) -> None:
    emulator.faults.add(pointing_to("http://a..b/"))
    with pytest.raises(ApifyServerError, match=r"points to http://a\.\.b, which is not followed"):
        await send(hook, get_record("s", "k"), driver)


@pytest.mark.parametrize(
    ("place", "location", "followed"),
    [
        ("https://apify.example/a", "https://store.example/b?c=d", "https://store.example/b?c=d"),
        ("https://apify.example/a", "/b", "https://apify.example/b"),
        ("http://apify.example/a", "http://store.example/b", "http://store.example/b"),
        ("http://apify.example/a", "https://store.example/b", "https://store.example/b"),
        ("https://apify.example/a", "http://store.example/b", None),
        ("https://apify.example/a", "http://apify.example/b", None),
        ("https://apify.example/a", "file:///etc/passwd", None),
        ("https://apify.example/a", "ftp://store.example/b", None),
        ("https://apify.example/a", "https://[", None),
        ("https://apify.example/a", "https://a..b/", None),
        ("https://apify.example/a", f"https://{'a' * 64}.example/", None),
        ("https://apify.example/a", "", None),
    ],
)
def test_a_redirect_leads_from_https_to_https(place: str, location: str, followed: str | None) -> None:
    request = {"url": place, "headers": {"Authorization": "Bearer x", "User-Agent": "y"}}
    next_request = redirected(get_record("s", "k"), request, 302, {"Location": location})
    assert (next_request and next_request["url"]) == followed
    if next_request:
        stays = "apify.example" in next_request["url"]
        assert next_request["headers"].keys() == (
            {"Authorization", "User-Agent"} if stays else {"User-Agent"}
        )
    assert redirected(get_user(), request, 302, {"Location": location}) is None
