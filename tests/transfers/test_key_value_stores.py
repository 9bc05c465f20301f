"""Every record arrives byte for byte, whatever its key, its type and its size."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_apify.api import http_client
from airflow_provider_apify.api.errors import (
    ApifyConfigurationError,
    ApifyDataError,
    ApifyNotFoundError,
    ApifyTooLargeError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.emulator.platform.key_value_stores import Record
from airflow_provider_apify.export.record_file_names import MANIFEST_NAME, file_name
from airflow_provider_apify.operators.storage import GetKeyValueStoreRecordOperator
from airflow_provider_apify.transfers.key_value_store import (
    KeyValueStoreToLocalOperator,
    KeyValueStoreToObjectStorageOperator,
    KeyValueStoreToS3Operator,
)
from tests.support import exports
from tests.support.s3_bucket import BUCKET, S3Bucket

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

RECORDS = "/v2/key-value-stores/*/records/*"
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!-_.'()"
VALUES: dict[str, Any] = {
    **{f"k{character}": character.encode() for character in ALPHABET},
    ".": b"dot",
    "..": b"dots",
    "-rf": b"dash",
    "x" * 256: b"long",
    "x" * 255 + "y": b"long too",
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "INPUT": {"a": ["ž", 1]},
    "page.html": "<p>ž</p>",
}


def to_local(store_id: str, path: Path, **kwargs: Any) -> dict[str, Any]:
    return KeyValueStoreToLocalOperator(
        task_id="land", key_value_store_id=store_id, path=str(path), **kwargs
    ).execute({})


def files(manifest: bytes) -> dict[str, str]:
    """Return the names of the files that a manifest lists, by key."""
    listed = json.loads(manifest)["records"]
    uris = {record["key"]: record["destination"] for record in listed}
    return {
        key: (unquote(uri) if uri.startswith("file:") else uri).rpartition("/")[2]
        for key, uri in uris.items()
    }


def content(emulator: Emulator, store_id: str) -> dict[str, bytes]:
    return {key: record.value for key, record in emulator.platform.stores[store_id].records.items()}


def test_any_record_lands_byte_for_byte(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store(VALUES)
    result = to_local(store_id, tmp_path / "out")
    expected = content(emulator, store_id)
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    manifest = json.loads(found[MANIFEST_NAME])
    names = files(found.pop(MANIFEST_NAME))
    assert found == {names[key]: value for key, value in expected.items()}
    assert len(found) == len(expected) == result["files"]
    assert {record["key"]: record["sha256"] for record in manifest["records"]} == {
        key: hashlib.sha256(value).hexdigest() for key, value in expected.items()
    }
    types = {record["key"]: record["content_type"] for record in manifest["records"]}
    assert types["INPUT"].startswith("application/json")
    assert result["bytes"] == sum(map(len, expected.values()))


ODD_KEYS = (
    *("a/b", "../../etc/x", "..\\x", "a%2Fb", "a b\n", "ž" * 120, "x" * 2000),
    *("plain", "%", "~", MANIFEST_NAME),
)


def test_a_key_that_cannot_be_a_file_name_gets_one_that_can(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store({})
    for key in ODD_KEYS:
        emulator.platform.stores[store_id].records[key] = Record(key.encode(), "text/plain")
    folder = tmp_path / "a" / "b" / "out"
    assert to_local(store_id, folder)["files"] == len(ODD_KEYS)
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parent for path in found} == {folder}
    listed = json.loads((folder / MANIFEST_NAME).read_bytes())["records"]
    files = {record["key"]: folder / file_name(record["key"]) for record in listed}
    assert {key: path.read_text() for key, path in files.items()} == {key: key for key in ODD_KEYS}
    assert {record["key"]: record["destination"] for record in listed} == {
        key: path.as_uri() for key, path in files.items()
    }
    assert found == {*files.values(), folder / MANIFEST_NAME}


def test_hostile_keys_stay_under_their_prefix(emulator: Emulator, s3: S3Bucket) -> None:
    store_id = emulator.create_key_value_store({})
    for key in (*ODD_KEYS, ".", ".."):
        emulator.platform.stores[store_id].records[key] = Record(key.encode(), "text/plain")
    KeyValueStoreToS3Operator(
        task_id="land", key_value_store_id=store_id, key="a/out", bucket_name=BUCKET
    ).execute({})
    names = files(s3.get(f"a/out/{MANIFEST_NAME}"))
    assert set(s3.keys) == {f"a/out/{name}" for name in (*names.values(), MANIFEST_NAME)}
    assert {key: s3.get(f"a/out/{name}").decode() for key, name in names.items()} == {
        key: key for key in names
    }
    assert len(names) == len(ODD_KEYS) + 2


def test_keys_that_differ_in_case_share_no_file_on_any_disk(emulator: Emulator, tmp_path: Path) -> None:
    def land(*keys: str) -> dict[str, str]:
        to_local(emulator.create_key_value_store({key: key for key in keys}), tmp_path, replace=True)
        names = files((tmp_path / MANIFEST_NAME).read_bytes())
        assert {path.name for path in tmp_path.iterdir()} == {*names.values(), MANIFEST_NAME}
        assert len({name.lower() for name in names.values()}) == len(keys)
        assert all((tmp_path / name).read_text() == key for key, name in names.items())
        return names

    first = land("README", "Readme", "gone", "readme")
    assert first["README"] == "README"
    assert first["readme"] == file_name("readme", digest=True)
    assert land("README", "Readme", "readme") == {key: first[key] for key in ("README", "Readme", "readme")}
    # A disk that overlooks case has one file of both names, which is the new one: it must not be deleted.
    assert land("readme") == {"readme": first["readme"]}
    assert land("readme", "README") == {"README": "README", "readme": first["readme"]}
    land("other")
    assert land("readme") == {"readme": "readme"}


@pytest.mark.parametrize(
    "foreign",
    [
        "[]",
        "{}",
        "null",
        "not JSON",
        "[" * 9999,
        '{"records": 1, "files": 1}',
        '{"records": [1], "files": ["a"]}',
        '{"records": [{"key": 1, "destination": "x"}], "files": [{}]}',
        '{"records": {"key": "a"}, "files": {"destination": "a"}}',
        "\xff",
    ],
)
def test_a_file_that_is_no_manifest_is_not_replaced(emulator: Emulator, tmp_path: Path, foreign: str) -> None:
    store_id = emulator.create_key_value_store({"a": b"1"})
    (tmp_path / MANIFEST_NAME).write_text(foreign, "latin1")
    (tmp_path / "_out.jsonl.manifest.json").write_text(foreign, "latin1")
    told = r"manifest.json is there, and is not the manifest"
    with pytest.raises(ApifyConfigurationError, match=told):
        to_local(store_id, tmp_path, replace=True)
    with pytest.raises(ApifyConfigurationError, match=told):
        exports.to_local("x", tmp_path / "out.jsonl", rows_per_file=1, replace=True)
    assert len(list(tmp_path.iterdir())) == 2
    assert not emulator.requests


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
@example([".", "~"])
@example(["a/b", "a%2Fb"])
@example(["", "%"])
@example(["\0", "\ud800"])
@example(["ž" * 200, "\ud800" * 201])
def test_no_two_keys_share_a_file_name(keys: list[str]) -> None:
    names = {file_name(key) for key in keys}
    assert len(names) == 2
    for name in names:
        assert name not in ("", ".", "..", MANIFEST_NAME)
        assert name.isascii()
        assert not set("/\\\0") & set(name)
        assert len(name) <= 200


@pytest.mark.parametrize("key", ["\0", "a\0b", "\0" * 100_000], ids=["one", "within", "long"])
def test_a_key_that_no_request_can_name_fails_the_task(emulator: Emulator, tmp_path: Path, key: str) -> None:
    store_id = emulator.create_key_value_store({"a": b"1"})
    emulator.platform.stores[store_id].records[key] = Record(b"", "text/plain")
    with pytest.raises(ApifyDataError, match=f"{store_id} lists a record with the key .* `keys`") as told:
        to_local(store_id, tmp_path)
    assert len(str(told.value)) < 1000
    to_local(store_id, tmp_path, keys=["a", "a"])
    assert {path.name for path in tmp_path.iterdir()} == {"a", MANIFEST_NAME}
    assert len(json.loads((tmp_path / MANIFEST_NAME).read_bytes())["records"]) == 1


def test_the_folder_is_read_once_however_many_records_are_named(
    emulator: Emulator, tmp_path: Path, folder_reads: list[str]
) -> None:
    keys = [f"k{n}" for n in range(40)]
    store_id = emulator.create_key_value_store(dict.fromkeys(keys, b"1"))
    (tmp_path / ".k7~dead.part").write_text("half")
    to_local(store_id, tmp_path, keys=keys)
    # Threads that begin at the same time may each read it.
    assert 1 <= len(folder_reads) <= 4
    assert not (tmp_path / ".k7~dead.part").exists()


def test_more_keys_than_one_list_holds_all_land(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store({f"key{n:05d}": str(n) for n in range(1100)})
    to_local(store_id, tmp_path, prefix="key010")
    names = {path.name for path in tmp_path.iterdir()} - {MANIFEST_NAME}
    assert names == {f"key{n:05d}" for n in range(1000, 1100)}
    assert to_local(store_id, tmp_path, replace=True)["files"] == 1100
    assert len(list(tmp_path.iterdir())) == 1101
    to_local(store_id, tmp_path, prefix="key009", replace=True)
    assert len(list(tmp_path.iterdir())) == 101


def test_an_error_does_not_hold_all_of_a_long_key(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store()
    emulator.platform.stores[store_id].records["w" * 5000] = Record(b"", "text/plain")
    emulator.faults.add(Fault("answer", "GET", RECORDS, (), 404))
    with pytest.raises(ApifyNotFoundError, match=f"{store_id}/records/www") as told:
        to_local(store_id, tmp_path)
    assert len(str(told.value)) < 1500


def test_a_list_of_keys_that_goes_in_a_circle_fails_the_task(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store({"a": b"1"})
    for number in range(1, 5):
        after = "AB"[number % 2] + "x" * 1000
        page = {"items": [{"key": "a", "size": 1}], "isTruncated": True, "nextExclusiveStartKey": after}
        fault = Fault("answer", "GET", "/v2/key-value-stores/*/keys", (number,), 200)
        fault.body, fault.content_type = json.dumps({"data": page}), "application/json"
        emulator.faults.add(fault)
    with pytest.raises(ApifyDataError, match=f"{store_id} does not go on after 'Bx+.* begins again") as told:
        to_local(store_id, tmp_path)
    assert len(str(told.value)) < 1000
    assert len([request for request in emulator.requests if request.path.endswith("/keys")]) == 3


def test_only_the_records_asked_for_land(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store(VALUES)
    to_local(store_id, tmp_path, keys=["INPUT", ".."])
    assert {path.name for path in tmp_path.iterdir()} == {"INPUT", "~~", MANIFEST_NAME}
    with pytest.raises(ApifyNotFoundError):
        to_local(store_id, tmp_path / "none", keys=["nothing"])
    assert not list((tmp_path / "none").iterdir())


@pytest.mark.parametrize("redirect", [None, 1])
def test_s3_gets_the_content_types(emulator: Emulator, s3: S3Bucket, redirect: int | None) -> None:
    emulator.switches.redirect_record_bytes = redirect
    large = bytes(range(256)) * 80_000
    values = {key: value for key, value in VALUES.items() if key.strip(".") or not redirect}
    store_id = emulator.create_key_value_store({**values, "large": large})
    KeyValueStoreToS3Operator(
        task_id="land", key_value_store_id=store_id, key="folder/", bucket_name=BUCKET
    ).execute({})
    expected = content(emulator, store_id)
    names = files(s3.get(f"folder/{MANIFEST_NAME}"))
    assert {key: s3.get(f"folder/{names[key]}") for key in expected} == expected
    kept = s3.client.head_object(Bucket=BUCKET, Key="folder/page.html")["ContentType"]
    assert kept == emulator.platform.stores[store_id].records["page.html"].content_type
    assert not s3.unfinished_uploads


def test_records_may_land_at_the_top_of_a_bucket(emulator: Emulator, s3: S3Bucket) -> None:
    KeyValueStoreToS3Operator(
        task_id="land",
        key_value_store_id=emulator.create_key_value_store({"a": b"1"}),
        key="/",
        bucket_name=BUCKET,
    ).execute({})
    assert sorted(s3.keys) == ["a", MANIFEST_NAME]


def test_object_storage_gets_every_record(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store(VALUES)
    KeyValueStoreToObjectStorageOperator(
        task_id="land", key_value_store_id=store_id, path=f"file://{tmp_path}/out"
    ).execute({})
    expected = content(emulator, store_id)
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    names = files(found.pop(MANIFEST_NAME))
    assert found == {names[key]: value for key, value in expected.items()}


def test_remote_object_storage_gets_small_and_large_records(emulator: Emulator, s3: S3Bucket) -> None:
    large = bytes(range(256)) * 80_000
    store_id = emulator.create_key_value_store({"small": b"1", "empty": b"", "large": large})
    KeyValueStoreToObjectStorageOperator(
        task_id="land", key_value_store_id=store_id, path=f"s3://{BUCKET}/out", conn_id="aws_default"
    ).execute({})
    assert (s3.get("out/small"), s3.get("out/empty"), s3.get("out/large")) == (b"1", b"", large)
    assert not s3.unfinished_uploads


def test_errors_on_the_way_change_no_byte(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store(VALUES)
    emulator.faults.add(Fault("alter", "GET", RECORDS, (1, 3, 5), cut_at=1))
    emulator.faults.add(Fault("answer", "GET", RECORDS, (7, 8), status=503))
    emulator.faults.add(Fault("answer", "GET", "/v2/key-value-stores/*/keys", (1,), status=429))
    to_local(store_id, tmp_path)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    names = files(found.pop(MANIFEST_NAME))
    assert found == {names[key]: value for key, value in content(emulator, store_id).items()}


def test_a_large_record_that_was_cut_comes_whole(emulator: Emulator, tmp_path: Path) -> None:
    value = bytes(range(256)) * 12_000
    store_id = emulator.create_key_value_store({"large": value})
    emulator.faults.add(Fault("alter", "GET", RECORDS, (1,), cut_at=2_500_000))
    to_local(store_id, tmp_path)
    assert (tmp_path / "large").read_bytes() == value


def test_a_file_that_somebody_took_away_is_no_error(emulator: Emulator, tmp_path: Path) -> None:
    to_local(emulator.create_key_value_store({"old": b"1", "both": b"2"}), tmp_path)
    (tmp_path / "old").unlink()
    to_local(emulator.create_key_value_store({"both": b"3"}), tmp_path, replace=True)
    assert {path.name for path in tmp_path.iterdir()} == {"both", MANIFEST_NAME}


def test_a_retry_goes_through_and_a_second_export_does_not(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store({f"k{n}": str(n) for n in range(50)})
    emulator.faults.add(Fault("answer", "GET", RECORDS, tuple(range(30, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_local(store_id, tmp_path)
    assert not (tmp_path / MANIFEST_NAME).exists()
    emulator.faults.clear()
    to_local(store_id, tmp_path)
    assert len(list(tmp_path.iterdir())) == 51
    asked = len(emulator.requests)
    with pytest.raises(ApifyConfigurationError, match="exists already"):
        to_local(store_id, tmp_path)
    assert len(emulator.requests) == asked


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "br": partial(brotli.compress, quality=1),
    "gzip": gzip.compress,
}


def serve_packed(emulator: Emulator, encoding: str, value: bytes) -> str:
    """Have the emulator give all records as one that was stored in a compressed form; return its length."""
    packed = PACKERS[encoding](value)
    fault = Fault("answer", "GET", RECORDS, (), 200, body=packed.decode(errors="surrogateescape"))
    fault.headers = {"Content-Encoding": encoding, "Content-Disposition": "attachment"}
    fault.content_type = "application/octet-stream"
    emulator.faults.clear()
    emulator.faults.add(fault)
    return f"{len(packed):,}"


def test_a_few_bytes_do_not_fill_the_disk(emulator: Emulator, tmp_path: Path) -> None:
    store_id = emulator.create_key_value_store({"bomb": b""})
    length = serve_packed(emulator, "br", bytes(70 << 20))
    told = f"'bomb' of the key-value store {store_id} .* {length} bytes .* than 68,157,440 .* `keys`"
    with pytest.raises(ApifyTooLargeError, match=told):
        to_local(store_id, tmp_path)
    assert not list(tmp_path.iterdir())
    assert len([request for request in emulator.requests if "/records/" in request.path]) == 1


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_compressed_record_lands_unpacked(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(http_client, "_INFLATED_BYTES", 1 << 20)
    store_id = emulator.create_key_value_store({"a": b""})
    # Not more than any record may have, and not more than a hundred times what came.
    for value in (bytes(1 << 20), random.Random(1).randbytes(1 << 16) + bytes(3 << 20)):
        serve_packed(emulator, encoding, value)
        to_local(store_id, tmp_path, replace=True)
        assert (tmp_path / "a").read_bytes() == value
    serve_packed(emulator, encoding, bytes(3 << 20))
    with pytest.raises(ApifyTooLargeError, match="unpack"):
        to_local(store_id, tmp_path, replace=True)


def get(store_id: str, key: str, **kwargs: Any) -> Any:
    return GetKeyValueStoreRecordOperator(
        task_id="get", key_value_store_id=store_id, key=key, **kwargs
    ).execute({})


def test_a_small_record_is_the_result_of_a_task(emulator: Emulator) -> None:
    store_id = emulator.create_key_value_store({**VALUES, "large": "x" * 70_000})
    assert get(store_id, "INPUT") == VALUES["INPUT"]
    assert get(store_id, "page.html") == VALUES["page.html"]
    assert get(store_id, "large", max_bytes="70000") == "x" * 70_000
    with pytest.raises(ApifyTooLargeError, match="more than 48,000 bytes"):
        get(store_id, "large")
    with pytest.raises(ApifyDataError, match="neither JSON nor text"):
        get(store_id, "binary")
    with pytest.raises(ApifyNotFoundError):
        get(store_id, "nothing")
    emulator.platform.stores[store_id].records["odd"] = Record(b"x", f"a/{'b' * 7_000}")
    with pytest.raises(ApifyDataError, match="neither JSON nor text") as raised:
        get(store_id, "odd")
    assert len(str(raised.value)) < 1_000
