"""Each store gets the same bytes, and refuses before anything is read."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.export.stores.local import LocalFile
from airflow_provider_apify.export.stores.object_storage import stored_file
from airflow_provider_apify.export.stores.s3 import S3Object, s3_hook
from tests.support.exports import parse_lines, ragged_items, to_local, to_object_storage, to_s3
from tests.support.s3_bucket import BUCKET, S3Bucket

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.jsonl.gz"])
def test_s3_gets_the_same_bytes_as_the_disk(
    emulator: Emulator, s3: S3Bucket, tmp_path: Path, name: str
) -> None:
    dataset_id = emulator.create_dataset(ragged_items(500))
    result = to_s3(dataset_id, f"folder/{name}")
    to_local(dataset_id, tmp_path / name)
    assert s3.get(f"folder/{name}") == (tmp_path / name).read_bytes()
    assert result["destination"] == f"s3://{BUCKET}/folder/{name}"
    assert not s3.unfinished_uploads


@pytest.mark.parametrize("store", ["disk", "S3", "object storage"])
def test_a_file_that_somebody_wrote_meanwhile_is_not_replaced(
    s3: S3Bucket, tmp_path: Path, store: str
) -> None:
    def destination() -> Any:
        if store == "disk":
            return LocalFile(tmp_path / "out.jsonl", replace=False)
        if store == "S3":
            return S3Object(s3_hook("aws_default"), "out.jsonl", BUCKET, replace=False)
        return stored_file(f"s3://aws_default@{BUCKET}/out.jsonl", None, replace=False)

    with destination().begin() as slow, destination().begin() as quick:
        slow.write(b"slow")
        quick.write(b"quick")
        quick.commit()
        with pytest.raises(ApifyConfigurationError, match="exists already"):
            slow.commit()
    assert destination().read() == b"quick"
    assert not s3.unfinished_uploads


def test_ten_thousand_parts_hold_a_very_large_object(s3: S3Bucket) -> None:
    sink: Any = S3Object(s3_hook("aws_default"), "large.jsonl", BUCKET, replace=False).open()
    sizes = []
    for number in range(10_000):
        sink._parts = [None] * number
        sizes.append(sink._part_bytes())
    sink.discard()
    assert sizes == sorted(sizes)
    assert 5 << 20 <= sizes[0] < sizes[-1] <= 200 << 20
    assert sum(sizes) > 800 << 30


def test_a_part_that_waits_for_the_others_holds_no_thread(s3: S3Bucket) -> None:
    sink = S3Object(s3_hook("aws_default"), "out.jsonl", BUCKET, replace=True).open()
    sink.write(b"x")
    sink.seal()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("apify-s3")]
    sink.discard()
    assert not s3.unfinished_uploads


def test_a_large_object_is_uploaded_in_parts(emulator: Emulator, s3: S3Bucket) -> None:
    rows = [{"n": n, "text": "x" * 1000} for n in range(20_000)]
    result = to_s3(emulator.create_dataset(rows), f"s3://{BUCKET}/large.jsonl", bucket_name=None)
    assert parse_lines(s3.get("large.jsonl")) == rows
    assert result["bytes"] == len(s3.get("large.jsonl"))
    assert not s3.unfinished_uploads


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kwargs", [{}, {"rows_per_file": 150}])
def test_object_storage_gets_the_same_bytes_as_the_disk(
    emulator: Emulator, tmp_path: Path, kwargs: Any
) -> None:
    dataset_id = emulator.create_dataset(ragged_items(400))
    result = to_object_storage(dataset_id, f"file://{tmp_path}/one/out.jsonl", **kwargs)
    local = to_local(dataset_id, tmp_path / "two/out.jsonl", **kwargs)
    assert result == local | {key: result[key] for key in ("destination", "duration", "path")}
    for one in (tmp_path / "one").iterdir():
        if "manifest" not in one.name:
            assert one.read_bytes() == (tmp_path / "two" / one.name).read_bytes()


@pytest.mark.parametrize("kwargs", [{}, {"rows_per_file": 30_000}])
@pytest.mark.parametrize("count", [3, 80_000])
def test_remote_object_storage_gets_all_rows(
    emulator: Emulator, s3: S3Bucket, count: int, kwargs: Any
) -> None:
    rows = [{"n": n, "text": "x" * 300} for n in range(count)]
    dataset_id = emulator.create_dataset(rows)
    path = f"s3://aws_default@{BUCKET}/folder/out.jsonl"
    result = to_object_storage(dataset_id, path, **kwargs)
    parts = [key for key in sorted(s3.keys) if "manifest" not in key]
    assert parse_lines(b"".join(map(s3.get, parts))) == rows
    assert result["destination"].startswith(f"s3://{BUCKET}/folder/")
    with pytest.raises(ApifyConfigurationError, match="exists already"):
        to_object_storage(dataset_id, path, **kwargs)
    to_object_storage(dataset_id, path, replace=True, **kwargs)
    assert not s3.unfinished_uploads


def test_a_path_may_be_one_of_airflows(emulator: Emulator, tmp_path: Path) -> None:
    path = ObjectStoragePath(f"file://{tmp_path}/out.jsonl")
    to_object_storage(emulator.create_dataset(ragged_items(3)), path)
    assert parse_lines((tmp_path / "out.jsonl").read_bytes()) == ragged_items(3)


def test_an_existing_file_is_named_as_people_write_it(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "day 1 %.jsonl"
    path.write_text("old")
    with pytest.raises(ApifyConfigurationError) as raised:
        to_local(emulator.create_dataset([{"n": 1}]), path)
    assert str(raised.value).startswith(f"{path} exists already")
    assert path.read_text() == "old"


def test_replace_writes_over_an_existing_file(emulator: Emulator, s3: S3Bucket, tmp_path: Path) -> None:
    s3.client.put_object(Bucket=BUCKET, Key="out.jsonl", Body=b"old")
    (tmp_path / "out.jsonl").write_text("old")
    dataset_id = emulator.create_dataset(ragged_items(3))
    to_local(dataset_id, tmp_path / "out.jsonl", replace=True)
    to_s3(dataset_id, "out.jsonl", replace=True)
    assert (
        parse_lines((tmp_path / "out.jsonl").read_bytes())
        == parse_lines(s3.get("out.jsonl"))
        == ragged_items(3)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "exists.jsonl"}, "exists already.*replace=True"),
        ({"path": "."}, "is a directory"),
        ({"path": "exists.jsonl/below.jsonl"}, "cannot be written"),
        ({"format": "yaml"}, "`format` must be one of jsonl, json, csv.*'yaml'"),
        ({"limit": "many"}, "`limit` must be a whole number ≥ 1, got 'many'"),
        ({"limit": 0}, "`limit` must be a whole number ≥ 1, got 0"),
        ({"offset": -1}, "`offset` must be a whole number ≥ 0, got -1"),
        ({"delimiter": ";;"}, "`delimiter` must be one character.*';;'"),
        ({"fields": [1]}, "`fields` must be a list of field names"),
        ({"dataset_id": ""}, "`dataset_id` must be an ID"),
        ({"concurrency": 0}, "`concurrency` must be a whole number ≥ 1, got 0"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_read(
    emulator: Emulator, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    (tmp_path / "exists.jsonl").write_text("old")
    arguments = {
        "dataset_id": emulator.create_dataset(ragged_items(3)),
        **arguments,
        "path": tmp_path / arguments.get("path", "out.jsonl"),
    }
    with pytest.raises(ApifyConfigurationError, match=message):
        to_local(**arguments)
    assert not emulator.requests
    assert [path.name for path in tmp_path.iterdir()] == ["exists.jsonl"]


@pytest.mark.parametrize("letter", ["x", "ž"])
@pytest.mark.parametrize("size", [216, 217, 230, 255])
def test_a_file_may_have_the_longest_name_of_a_disk(
    emulator: Emulator, tmp_path: Path, letter: str, size: int
) -> None:
    dataset_id, suffix = emulator.create_dataset([{"n": 1}]), ".jsonl" + "l" * (size % 2)
    name = letter * ((size - len(suffix)) // len(letter.encode())) + suffix
    to_local(dataset_id, tmp_path / name)
    to_object_storage(dataset_id, f"file://{tmp_path}/{name}", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_killed_writer_of_a_long_name_leaves_nothing(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 240}.jsonl"
    sink = LocalFile(path, replace=False).open()
    assert len(list(tmp_path.iterdir())) == 1
    sink.seal()
    to_local(emulator.create_dataset([{"n": 1}]), path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kwargs", [{}, {"rows_per_file": 1}])
def test_a_name_that_no_disk_takes_is_refused_before_anything_is_read(
    emulator: Emulator, tmp_path: Path, kwargs: Any
) -> None:
    name = "x" * (245 if kwargs else 256)
    with pytest.raises(ApifyConfigurationError, match=r"cannot be written: .*too long"):
        to_object_storage("nobody~nothing", f"file://{tmp_path}/{name}", **kwargs)
    assert not emulator.requests
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ApifyConfigurationError, match="cannot be written"):
        to_local(emulator.create_dataset(), tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": "exists.jsonl"}, "s3://results/exists.jsonl exists already.*replace=True"),
        ({"bucket_name": "nowhere"}, "bucket 'nowhere' cannot be used"),
        ({"bucket_name": None}, "is not the key of an object"),
        ({"key": "folder/"}, "is not the key of an object"),
        ({"format": "xml2"}, "`format` must be one of"),
    ],
)
def test_an_object_that_cannot_be_written_is_refused_before_anything_is_read(
    emulator: Emulator, s3: S3Bucket, arguments: dict[str, Any], message: str
) -> None:
    s3.client.put_object(Bucket=BUCKET, Key="exists.jsonl", Body=b"old")
    arguments = {"dataset_id": emulator.create_dataset(ragged_items(3)), "key": "out.jsonl", **arguments}
    with pytest.raises(ApifyConfigurationError, match=message):
        to_s3(**arguments)
    assert not emulator.requests
    assert s3.keys == ["exists.jsonl"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nostore://bucket/out.jsonl", "is not in a store"),
        ("file://{}/exists.jsonl", "exists already"),
        ("file://{}/exists.jsonl/below.jsonl", "cannot be written"),
        ("s3://aws_default@nobucket/out.jsonl", "no bucket 'nobucket'"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_a_path_that_cannot_be_written_is_refused_before_anything_is_read(
    emulator: Emulator, tmp_path: Path, path: str, message: str
) -> None:
    (tmp_path / "exists.jsonl").write_text("old")
    with pytest.raises(ApifyConfigurationError, match=message):
        to_object_storage(emulator.create_dataset(ragged_items(3)), path.format(tmp_path))
    assert not emulator.requests


@pytest.mark.parametrize("fields", [["a,b"], "['a', 'b']", [""], [1]])
def test_field_names_that_the_api_cannot_take_are_refused(
    emulator: Emulator, tmp_path: Path, fields: Any
) -> None:
    with pytest.raises(ApifyConfigurationError, match="must be a list of field names"):
        to_local(emulator.create_dataset(ragged_items(3)), tmp_path / "out.jsonl", fields=fields)
    assert not emulator.requests
