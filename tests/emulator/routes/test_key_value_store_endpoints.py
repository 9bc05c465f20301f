from __future__ import annotations

import io
import zipfile
from urllib.parse import quote

import pytest
import requests

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient, error_of


@pytest.fixture
def store_path(emulator: Emulator) -> str:
    return f"/v2/key-value-stores/{emulator.create_key_value_store()}"


def test_a_record_keeps_its_bytes_and_content_type(http: HttpClient, store_path: str) -> None:
    value = bytes(range(256)) * 100
    path = f"{store_path}/records/image"
    answer = http("PUT", path, data=value, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()) == (201, {})
    assert answer.headers["Location"].endswith(path)
    got = http("GET", path)
    assert (got.content, got.headers["Content-Type"]) == (value, "image/png")
    assert "attachment" in http("GET", f"{path}?attachment=1").headers["Content-Disposition"]
    head = http("HEAD", path)
    assert (head.status_code, int(head.headers["Content-Length"]), head.content) == (200, len(value), b"")
    assert http("POST", path, data=b"x", headers={"Content-Type": "text/plain"}).status_code == 201
    assert http("GET", path).text == "x"


def test_missing_records_are_not_found(http: HttpClient, store_path: str) -> None:
    assert error_of(http("GET", f"{store_path}/records/none")) == (404, "record-not-found")
    assert http("HEAD", f"{store_path}/records/none").status_code == 404
    assert http("DELETE", f"{store_path}/records/none").status_code == 204


def test_keys_may_have_every_legal_character_and_no_other(http: HttpClient, store_path: str) -> None:
    key = "aZ09!-_.'()"
    http("PUT", f"{store_path}/records/{quote(key, safe='')}", data=b"1")
    assert http("GET", f"{store_path}/records/{quote(key)}").content == b"1"
    assert http.data("GET", f"{store_path}/keys")["items"][0]["key"] == key
    for bad in ("a b", "a/b", "é", "x" * 257):
        answer = http("PUT", f"{store_path}/records/{quote(bad, safe='')}", data=b"1")
        assert error_of(answer) == (400, "invalid-record-key"), bad


def test_keys_are_listed_in_pages(http: HttpClient, emulator: Emulator) -> None:
    names = [f"key-{number:05}" for number in range(2500)]
    store = emulator.create_key_value_store(dict.fromkeys(names, b"x") | {"Zebra": b"", "other": b""})
    path = f"/v2/key-value-stores/{store}/keys"
    seen: list[str] = []
    start = None
    while True:
        page = http.data("GET", path, params={"exclusiveStartKey": start, "prefix": "key-"})
        assert page["limit"] == 1000
        assert page["exclusiveStartKey"] == start
        seen += [item["key"] for item in page["items"]]
        if not page["isTruncated"]:
            break
        start = page["nextExclusiveStartKey"]
    assert (seen, page["nextExclusiveStartKey"]) == (names, None)
    assert http.data("GET", f"{path}?limit=1")["items"][0]["key"] == "Zebra"
    assert error_of(http("GET", f"{path}?limit=1001")) == (400, "invalid-value")
    assert error_of(http("GET", f"{path}?limit=0")) == (400, "invalid-value")


def test_all_records_come_as_one_zip(http: HttpClient, emulator: Emulator) -> None:
    store = emulator.create_key_value_store({"a": {"n": 1}, "b": b"\x00", "other": "text"})
    answer = http("GET", f"/v2/key-value-stores/{store}/records")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a", "b", "other"]
        assert archive.read("b") == b"\x00"
    answer = http("GET", f"/v2/key-value-stores/{store}/records?prefix=o")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["other"]


def test_signed_urls_open_without_a_token(http: HttpClient, emulator: Emulator) -> None:
    store = f"/v2/key-value-stores/{emulator.create_key_value_store({'a': b'1', 'b': b'2'})}"
    shown = http.data("GET", store)
    url = http.data("GET", f"{store}/keys")["items"][0]["recordPublicUrl"]
    assert requests.get(url, timeout=30).content == b"1"
    assert requests.get(url.replace("/a?", "/b?"), timeout=30).status_code == 403
    assert requests.get(shown["keysPublicUrl"], timeout=30).json()["data"]["count"] == 2
    assert requests.get(shown["recordsPublicUrl"], timeout=30).status_code == 200
    assert requests.put(url, data=b"x", timeout=30).status_code == 401
    assert shown["urlSigningSecretKey"]


def test_large_records_redirect_to_another_host_if_a_switch_says_so(
    http: HttpClient, emulator: Emulator
) -> None:
    emulator.switches.redirect_record_bytes = 1000
    store = f"/v2/key-value-stores/{emulator.create_key_value_store({'big': b'x' * 1000, 'small': b'x'})}"
    answer = http("GET", f"{store}/records/big", allow_redirects=False)
    assert answer.status_code == 302
    elsewhere = answer.headers["Location"]
    assert elsewhere.startswith("http://localhost:")
    assert requests.get(elsewhere, timeout=30).content == b"x" * 1000
    assert requests.get(elsewhere.replace("signature=", "signature=x"), timeout=30).status_code == 403
    assert error_of(http.session.get(elsewhere, timeout=30)) == (400, "invalid-request")
    assert http("GET", f"{store}/records/big").content == b"x" * 1000
    assert http("GET", f"{store}/records/small", allow_redirects=False).status_code == 200
