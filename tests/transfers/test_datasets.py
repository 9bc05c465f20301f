"""What lands is what the dataset holds: whole or not at all, at any number of pages."""

from __future__ import annotations

import csv
import gc
import gzip
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify.api.errors import (
    ApifyConfigurationError,
    ApifyDataError,
    ApifyNotFoundError,
)
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import ranges, source, sprint
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.dataset_to_object_storage import DatasetToObjectStorageOperator
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator
from tests.support.waiting import killed
from tests.transfers.conftest import BUCKET, S3

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

ITEMS = "/v2/datasets/*/items"
WORDS = ["plain", 'quo"te', "com,ma", "line\nbreak", "car\rriage", "žluťoučký 🐎", "\u2028", ""]


def items(count: int) -> list[dict[str, Any]]:
    """Ragged items: hidden fields, nested and empty values, separators, now and then an empty one."""
    return [
        {}
        if n % 11 == 10
        else {
            "n": n,
            "text": WORDS[n % len(WORDS)],
            **({"#debug": {"n": n}} if n % 3 == 0 else {}),
            **({f"late{n % 7}": {"deep": [n, None, True]}} if n % 5 == 4 else {}),
        }
        for n in range(count)
    ]


def to_local(dataset_id: str, path: Path, **kwargs: Any) -> dict[str, Any]:
    operator = DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(path), **kwargs)
    return operator.execute({})


def to_s3(dataset_id: str, key: str, bucket_name: str | None = BUCKET, **kwargs: Any) -> dict[str, Any]:
    return DatasetToS3Operator(
        task_id="land", dataset_id=dataset_id, key=key, bucket_name=bucket_name, **kwargs
    ).execute({})


def lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of some ten items, so that a few hundred items make many; most are read in ranges."""
    monkeypatch.setattr(sprint, "_CHUNK_BYTES", 300)
    monkeypatch.setattr(sprint, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(sprint, "_FAST_BYTES_PER_SECOND", float("inf"))
    monkeypatch.setattr(ranges, "_SMALLEST_PAGE", 500)
    monkeypatch.setattr(ranges, "_LARGEST_PAGE", 500)
    monkeypatch.setattr(ranges, "_FIRST_ROWS", 7)


@pytest.mark.parametrize("count", [0, 1, 6, 7, 500])
@pytest.mark.parametrize("total", ["exact", "stale", "zero"])
@pytest.mark.usefixtures("small_pages")
def test_any_number_of_pages(emulator: Emulator, tmp_path: Path, count: int, total: Any) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    dataset_id = emulator.create_dataset(items(count)[: count // 3])
    emulator.platform.datasets[dataset_id].push(items(count)[count // 3 :])
    result = to_local(dataset_id, tmp_path / "out.jsonl")
    assert lines((tmp_path / "out.jsonl").read_bytes()) == items(count)
    assert (result["rows"], result["files"]) == (count, 1)
    assert result["bytes"] == (tmp_path / "out.jsonl").stat().st_size
    assert result["destination"] == (tmp_path / "out.jsonl").as_uri()
    assert result["path"] == str(tmp_path / "out.jsonl")


@pytest.mark.parametrize("total", ["exact", "zero"])
@pytest.mark.usefixtures("small_pages")
def test_pages_of_any_length(emulator: Emulator, tmp_path: Path, total: Any) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    holes = [item if n < 20 or n > 380 else {"#hidden": 1} for n, item in enumerate(items(400))]
    dataset_id = emulator.create_dataset(holes)
    to_local(dataset_id, tmp_path / "out.jsonl", clean=True)
    kept = [{k: v for k, v in item.items() if not k.startswith("#")} for item in holes]
    assert lines((tmp_path / "out.jsonl").read_bytes()) == [item for item in kept if item]


@pytest.mark.usefixtures("small_pages")
def test_items_that_become_many_rows(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"id": n, "list": list(range(n % 30))} for n in range(200)])
    result = to_local(dataset_id, tmp_path / "out.jsonl", unwind="list", offset="10", limit="150")
    rows = lines((tmp_path / "out.jsonl").read_bytes())
    assert rows == [{"id": n, "list": k} for n in range(10, 160) for k in range(n % 30)]
    assert result["rows"] == len(rows)


@pytest.mark.usefixtures("small_pages")
def test_newest_first_with_fields(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(items(300))
    to_local(dataset_id, tmp_path / "out.jsonl", desc=True, fields=["text", "n"], offset=5, limit=100)
    wanted = [{k: item[k] for k in ("text", "n") if k in item} for item in items(300)[::-1][5:105]]
    assert lines((tmp_path / "out.jsonl").read_bytes()) == wanted


@pytest.mark.parametrize("name", ["out.json", "out.jsonl.gz", "out.json.gz"])
@pytest.mark.parametrize("count", [0, 1, 300])
@pytest.mark.usefixtures("small_pages")
def test_formats(emulator: Emulator, tmp_path: Path, name: str, count: int) -> None:
    result = to_local(emulator.create_dataset(items(count)), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    plain = gzip.decompress(data) if name.endswith(".gz") else data
    assert (json.loads(plain) if ".jsonl" not in name else lines(plain)) == items(count)
    assert (result["rows"], result["bytes"]) == (count, len(data))


def test_compressed_pages_go_through_as_they_are(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(items(3000))
    to_local(dataset_id, tmp_path / "out.jsonl.gz")
    assert lines(gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes())) == items(3000)
    assert "gzip" in [request.headers["Accept-Encoding"] for request in emulator.requests]


def flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, item in inner for k, v in flat(item, f"{name}/{key}").items()}
    return {name[1:]: value}


@pytest.mark.usefixtures("small_pages")
def test_csv_has_the_columns_of_all_rows(emulator: Emulator, tmp_path: Path) -> None:
    import pandas as pd

    to_local(emulator.create_dataset(items(300)), tmp_path / "out.csv")
    frame = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    wanted = [
        {k: "" if v is None else str(v).lower() if v is True else str(v) for k, v in flat(item).items()}
        for item in items(300)
    ]
    assert list(frame.columns) == sorted({column for row in wanted for column in row})
    assert [{k: v for k, v in row.items() if v} for row in frame.to_dict("records")] == [
        {k: v for k, v in row.items() if v} for row in wanted
    ]


def test_csv_is_what_apify_itself_would_give(emulator: Emulator, server: Any, tmp_path: Path) -> None:
    import requests

    rows = [{"b": 1.50, "a": {"x": [1, {"y": "ž"}]}, "c": None}, {"a": 1e30, "d": True, "b": 'q"'}]
    dataset_id = emulator.create_dataset(rows)
    for fields in ("", "b,a", "c,zzz,a"):
        to_local(dataset_id, tmp_path / "out.csv", bom=True, delimiter=";", fields=fields, replace=True)
        answer = requests.get(
            f"{server.url}/v2/datasets/{dataset_id}/items",
            params={"format": "csv", "delimiter": ";", "fields": fields},
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=10,
        )
        assert (tmp_path / "out.csv").read_bytes() == answer.content


def test_csv_options(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"a": "x\ty", "b": 2}])
    to_local(dataset_id, tmp_path / "out.csv", delimiter="\t", skip_header_row=True)
    assert (tmp_path / "out.csv").read_text() == '"x\ty"\t2\n'


def test_an_empty_dataset_is_an_empty_file(emulator: Emulator, tmp_path: Path) -> None:
    for name, content in {"a.csv": b"", "a.jsonl": b"", "a.json": b"[]"}.items():
        assert to_local(emulator.create_dataset(), tmp_path / name)["rows"] == 0
        assert (tmp_path / name).read_bytes() == content


def count_xlsx(data: bytes) -> int:
    from openpyxl import load_workbook

    return load_workbook(io.BytesIO(data)).active.max_row - 1


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("out.xml", lambda data: data.count(b"<item>") + data.count(b"<item/>")),
        ("out.html", lambda data: data.count(b"<tr>") - 1),
        ("out.rss", lambda data: data.count(b"<item>") + data.count(b"<item/>")),
        ("out.xlsx", count_xlsx),
    ],
)
def test_formats_that_apify_makes(emulator: Emulator, tmp_path: Path, name: str, count: Any) -> None:
    rows = [{"n": n, "text": "<tr><item>"} for n in range(300)]
    emulator.faults.add(Fault("alter", "GET", ITEMS, (2, 3), cut_at=1000))
    result = to_local(emulator.create_dataset(rows), tmp_path / name)
    assert result["rows"] == count((tmp_path / name).read_bytes()) == 300


def test_what_apify_cannot_make_says_what_can_be_made(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{f"c{n}": n for n in range(2001)}])
    with pytest.raises(ApifyDataError, match=r"cannot make html .* Use `jsonl`, `csv`"):
        to_local(dataset_id, tmp_path / "out.html")
    to_local(dataset_id, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_file_that_is_not_complete_is_an_error(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"n": n} for n in range(3)])
    body = "<items><item><n>0</n></item></items>"
    emulator.faults.add(Fault("answer", "GET", ITEMS, (2,), status=200, body=body))
    with pytest.raises(ApifyDataError, match="1 rows of the 3 items"):
        to_local(dataset_id, tmp_path / "out.xml")
    emulator.faults.clear()
    emulator.faults.add(Fault("answer", "GET", ITEMS, (2,), status=200, body=body[:-4]))
    with pytest.raises(ApifyDataError, match="not complete"):
        to_local(dataset_id, tmp_path / "out.xml")
    emulator.faults.clear()
    emulator.switches.max_items_per_request = 2
    with pytest.raises(ApifyDataError, match="2 rows of the 3 items"):
        to_local(dataset_id, tmp_path / "out.xml", clean=True)
    assert not list(tmp_path.iterdir())


# -- to S3 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.jsonl.gz"])
def test_to_s3(emulator: Emulator, s3: S3, tmp_path: Path, name: str) -> None:
    dataset_id = emulator.create_dataset(items(500))
    result = to_s3(dataset_id, f"folder/{name}")
    to_local(dataset_id, tmp_path / name)
    assert s3.get(f"folder/{name}") == (tmp_path / name).read_bytes()
    assert result["destination"] == f"s3://{BUCKET}/folder/{name}"
    assert not s3.uploads


def test_a_large_object_goes_in_parts(emulator: Emulator, s3: S3) -> None:
    rows = [{"n": n, "text": "x" * 1000} for n in range(20_000)]
    result = to_s3(emulator.create_dataset(rows), f"s3://{BUCKET}/large.jsonl", bucket_name=None)
    assert lines(s3.get("large.jsonl")) == rows
    assert result["bytes"] == len(s3.get("large.jsonl"))
    assert not s3.uploads


@pytest.mark.usefixtures("small_pages")
def test_a_failure_leaves_nothing_in_s3(emulator: Emulator, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_apify.export.s3._PART_BYTES", 5 << 20)
    monkeypatch.setattr(ranges, "_LARGEST_PAGE", 1 << 20)
    monkeypatch.setattr(ranges, "_SMALLEST_PAGE", 1 << 20)
    dataset_id = emulator.create_dataset([{"text": "x" * 1000} for n in range(20_000)])
    fault = emulator.faults.add(Fault("answer", "GET", ITEMS, tuple(range(15, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_s3(dataset_id, "out.jsonl")
    assert fault.fired
    assert s3.keys == s3.uploads == []


def test_what_a_killed_worker_left_in_s3_is_removed(emulator: Emulator, s3: S3) -> None:
    for key in ("out.jsonl", "out.jsonl.other"):
        s3.client.create_multipart_upload(Bucket=BUCKET, Key=key)
    to_s3(emulator.create_dataset(items(3)), "out.jsonl")
    assert s3.uploads == ["out.jsonl.other"]


# -- to any store --------------------------------------------------------------------------------------------


def to_storage(dataset_id: str, path: str, **kwargs: Any) -> dict[str, Any]:
    return DatasetToObjectStorageOperator(task_id="land", dataset_id=dataset_id, path=path, **kwargs).execute(
        {}
    )


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kwargs", [{}, {"rows_per_file": 150}])
def test_to_object_storage(emulator: Emulator, tmp_path: Path, kwargs: Any) -> None:
    dataset_id = emulator.create_dataset(items(400))
    result = to_storage(dataset_id, f"file://{tmp_path}/one/out.jsonl", **kwargs)
    local = to_local(dataset_id, tmp_path / "two/out.jsonl", **kwargs)
    assert result == local | {key: result[key] for key in ("destination", "duration", "path")}
    for one in (tmp_path / "one").iterdir():
        if "manifest" not in one.name:
            assert one.read_bytes() == (tmp_path / "two" / one.name).read_bytes()


@pytest.mark.parametrize("kwargs", [{}, {"rows_per_file": 30_000}])
@pytest.mark.parametrize("count", [3, 80_000])
def test_to_object_storage_that_is_far_away(emulator: Emulator, s3: S3, count: int, kwargs: Any) -> None:
    rows = [{"n": n, "text": "x" * 300} for n in range(count)]
    dataset_id = emulator.create_dataset(rows)
    path = f"s3://aws_default@{BUCKET}/folder/out.jsonl"
    result = to_storage(dataset_id, path, **kwargs)
    parts = [key for key in sorted(s3.keys) if "manifest" not in key]
    assert lines(b"".join(map(s3.get, parts))) == rows
    assert result["destination"].startswith(f"s3://{BUCKET}/folder/")
    with pytest.raises(ApifyConfigurationError, match="exists already"):
        to_storage(dataset_id, path, **kwargs)
    to_storage(dataset_id, path, replace=True, **kwargs)
    assert not s3.uploads


@pytest.mark.usefixtures("small_pages")
def test_a_failure_leaves_nothing_in_object_storage(emulator: Emulator, tmp_path: Path) -> None:
    emulator.faults.add(Fault("answer", "GET", ITEMS, tuple(range(9, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_storage(emulator.create_dataset(items(400)), f"file://{tmp_path}/out.jsonl")
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_no_upload_in_object_storage(emulator: Emulator, s3: S3) -> None:
    rows = [{"n": n, "text": "x" * 1000} for n in range(40_000)]
    emulator.faults.add(Fault("alter", "GET", ITEMS, (1, 2), cut_at=30_000_000))
    emulator.faults.add(Fault("answer", "GET", ITEMS, tuple(range(2, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_storage(emulator.create_dataset(rows), f"s3://aws_default@{BUCKET}/out.jsonl")
    gc.collect()
    assert not s3.keys
    assert not s3.uploads


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nostore://bucket/out.jsonl", "names no store"),
        ("file://{}/exists.jsonl", "exists already"),
        ("file://{}/exists.jsonl/below.jsonl", "cannot be written"),
        ("s3://aws_default@nobucket/out.jsonl", "no bucket 'nobucket'"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_refused_in_object_storage(emulator: Emulator, tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "exists.jsonl").write_text("old")
    with pytest.raises(ApifyConfigurationError, match=message):
        to_storage(emulator.create_dataset(items(3)), path.format(tmp_path))
    assert not emulator.requests


# -- in parts ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet", "out.json"])
def test_parts_and_their_manifest(emulator: Emulator, s3: S3, name: str) -> None:
    import pandas as pd

    result = to_s3(emulator.create_dataset(items(400)), f"items/{name}", rows_per_file="150")
    stem, suffix = name.split(".", 1)
    keys = [f"items/{stem}-0000{n}.{suffix}" for n in range(3)]
    assert s3.keys == [f"items/_{name}.manifest.json", *keys]
    listed = json.loads(s3.get(f"items/_{name}.manifest.json"))
    assert [(file["destination"], file["rows"]) for file in listed["files"]] == [
        (f"s3://{BUCKET}/{key}", rows) for key, rows in zip(keys, (150, 150, 100), strict=True)
    ]
    parts = [s3.get(key) for key in keys]
    for file, part in zip(listed["files"], parts, strict=True):
        assert (file["bytes"], file["sha256"]) == (len(part), hashlib.sha256(part).hexdigest())
    assert (result["rows"], result["files"], result["bytes"]) == (400, 3, sum(map(len, parts)))
    assert not s3.uploads
    if ".jsonl" in name:
        rows = lines(b"".join(gzip.decompress(part) if name.endswith(".gz") else part for part in parts))
        assert rows == items(400)
    elif name == "out.json":
        assert [row for part in parts for row in json.loads(part)] == items(400)
    else:
        read = pd.read_csv if name == "out.csv" else pd.read_parquet
        frames = [read(io.BytesIO(part)) for part in parts]
        assert [len(frame) for frame in frames] == [150, 150, 100]
        assert len({tuple(frame.columns) for frame in frames}) == 1


@pytest.mark.usefixtures("small_pages")
def test_parts_are_replaced_all_or_not_at_all(emulator: Emulator, tmp_path: Path) -> None:
    to_local(emulator.create_dataset(items(400)), tmp_path / "out.jsonl", rows_per_file=100)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    small = emulator.create_dataset(items(150))
    with pytest.raises(ApifyConfigurationError, match="exists already"):
        to_local(small, tmp_path / "out.jsonl", rows_per_file=100)
    fault = emulator.faults.add(Fault("answer", "GET", ITEMS, tuple(range(9, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_local(small, tmp_path / "out.jsonl", rows_per_file=100, replace=True)
    assert fault.fired
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    emulator.faults.clear()
    to_local(small, tmp_path / "out.jsonl", rows_per_file=100, replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "_out.jsonl.manifest.json",
        "out-00000.jsonl",
        "out-00001.jsonl",
    ]


def test_parts_of_which_one_cannot_be_committed_are_taken_back(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = Path.replace, iter(range(99))

    def full_disk(self: Path, target: Path) -> Path:
        if next(calls) == 1:
            raise OSError("No space left on device")
        return replace(self, target)

    dataset_id = emulator.create_dataset(items(250))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(OSError, match="No space"):
            to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=100)
    assert not list(tmp_path.iterdir())
    assert to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=100)["files"] == 3


def test_names_with_dots_share_nothing(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(items(3))
    for name in ("a.com.jsonl", "a.org.jsonl", "a.org.csv", "a.org.jsonl.gz"):
        to_local(dataset_id, tmp_path / name, rows_per_file=2)
    assert len(list(tmp_path.iterdir())) == 12
    assert (tmp_path / "a.org-00001.jsonl.gz").exists()


def test_what_apify_makes_is_not_cut(emulator: Emulator, tmp_path: Path) -> None:
    with pytest.raises(ApifyConfigurationError, match="makes xml as a whole"):
        to_local(emulator.create_dataset(items(3)), tmp_path / "out.xml", rows_per_file=100)


# -- trouble on the way --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv"])
def test_trouble_on_the_way_changes_nothing(emulator: Emulator, tmp_path: Path, name: str) -> None:
    dataset_id = emulator.create_dataset(items(400))
    to_local(dataset_id, tmp_path / f"calm-{name}")
    for fault in (
        Fault("answer", "GET", ITEMS, (7,), status=500),
        Fault("answer", "GET", ITEMS, (3, 4, 9), status=429, type="rate-limit-exceeded"),
        Fault("drop-before", "GET", ITEMS, (5,)),
        Fault("alter", "GET", ITEMS, (2, 6, 8), cut_at=100),
        Fault("alter", "GET", ITEMS, (10,), cut_at=0),
    ):
        emulator.faults.add(fault)
    to_local(dataset_id, tmp_path / name)
    assert all(fault.fired for fault in emulator.faults)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"calm-{name}").read_bytes()


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_page_larger_than_expected_is_asked_for_in_halves(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(source, "_MAX_PAGE_BYTES", 2000)
    rows = [{"text": "x" * (5000 if n == 40 else 10)} for n in range(100)]
    to_local(emulator.create_dataset(rows), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert lines(gzip.decompress(data) if name.endswith(".gz") else data) == rows


def test_missing_items_are_an_error(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(items(20))
    body = '{"data": {"id": "x", "itemCount": 25}}'
    emulator.faults.add(
        Fault(
            "answer",
            "GET",
            f"/v2/datasets/{dataset_id}",
            status=200,
            body=body,
            content_type="application/json",
        )
    )
    with pytest.raises(ApifyDataError, match="from 20 on"):
        to_local(dataset_id, tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small_pages")
def test_a_failure_leaves_nothing_on_disk(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old")
    emulator.faults.add(Fault("answer", "GET", ITEMS, tuple(range(9, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_local(emulator.create_dataset(items(400)), tmp_path / "out.jsonl", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "old"


def test_what_a_killed_worker_left_on_disk_is_removed(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / ".out.jsonl~dead.part").write_text("half")
    to_local(emulator.create_dataset(items(3)), tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (3, {"expected_rows": "4"}, "gave 3 rows where 4 were expected"),
        (0, {"fail_on_empty": True}, "gave no row"),
    ],
)
@pytest.mark.parametrize("split", [None, 2])
def test_as_many_rows_as_was_asked_for(
    emulator: Emulator, tmp_path: Path, count: int, arguments: Any, message: str, split: Any
) -> None:
    dataset_id = emulator.create_dataset(items(count))
    with pytest.raises(ApifyDataError, match=message):
        to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=split, **arguments)
    assert not list(tmp_path.iterdir())
    to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=split, expected_rows=count)


# -- refused before anything is read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "exists.jsonl"}, "exists already.*replace=True"),
        ({"path": "."}, "is a directory"),
        ({"path": "exists.jsonl/below.jsonl"}, "cannot be written"),
        ({"format": "yaml"}, "'yaml', which is not supported. Use one of: jsonl, json, csv"),
        ({"limit": "many"}, "`limit` is 'many'"),
        ({"limit": 0}, "`limit` is 0"),
        ({"offset": -1}, "`offset` is -1"),
        ({"delimiter": ";;"}, "`delimiter` is ';;'"),
        ({"fields": [1]}, "`fields` is"),
        ({"dataset_id": ""}, "names no dataset"),
        ({"concurrency": 0}, "`concurrency` is 0"),
    ],
)
def test_refused_on_disk(emulator: Emulator, tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    (tmp_path / "exists.jsonl").write_text("old")
    arguments = {
        "dataset_id": emulator.create_dataset(items(3)),
        **arguments,
        "path": tmp_path / arguments.get("path", "out.jsonl"),
    }
    with pytest.raises(ApifyConfigurationError, match=message):
        to_local(**arguments)
    assert not emulator.requests
    assert [path.name for path in tmp_path.iterdir()] == ["exists.jsonl"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_refused_for_permissions(emulator: Emulator, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ApifyConfigurationError, match="cannot be written"):
        to_local(emulator.create_dataset(), tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": "exists.jsonl"}, "s3://results/exists.jsonl exists already.*replace=True"),
        ({"bucket_name": "nowhere"}, "bucket 'nowhere' cannot be used"),
        ({"bucket_name": None}, "names no object"),
        ({"key": "folder/"}, "names no object"),
        ({"format": "xml2"}, "not supported"),
    ],
)
def test_refused_in_s3(emulator: Emulator, s3: S3, arguments: dict[str, Any], message: str) -> None:
    s3.client.put_object(Bucket=BUCKET, Key="exists.jsonl", Body=b"old")
    arguments = {"dataset_id": emulator.create_dataset(items(3)), "key": "out.jsonl", **arguments}
    with pytest.raises(ApifyConfigurationError, match=message):
        to_s3(**arguments)
    assert not emulator.requests
    assert s3.keys == ["exists.jsonl"]


def test_an_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(ApifyNotFoundError):
        to_local("nobody~nothing", tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


def test_replace(emulator: Emulator, s3: S3, tmp_path: Path) -> None:
    s3.client.put_object(Bucket=BUCKET, Key="out.jsonl", Body=b"old")
    (tmp_path / "out.jsonl").write_text("old")
    dataset_id = emulator.create_dataset(items(3))
    to_local(dataset_id, tmp_path / "out.jsonl", replace=True)
    to_s3(dataset_id, "out.jsonl", replace=True)
    assert lines((tmp_path / "out.jsonl").read_bytes()) == lines(s3.get("out.jsonl")) == items(3)


def test_a_wide_csv_is_read_back_by_the_standard_library(emulator: Emulator, tmp_path: Path) -> None:
    rows = [{f"c{n}": n for n in range(2500)}, {"c7": 7}]
    to_local(emulator.create_dataset(rows), tmp_path / "out.csv")
    read = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [{k: int(v) for k, v in row.items() if v} for row in read] == rows


# -- odd data ------------------------------------------------------------------------------------------------


def test_nothing_is_still_a_compressed_file(emulator: Emulator, tmp_path: Path) -> None:
    result = to_local(emulator.create_dataset(), tmp_path / "out.jsonl.gz")
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()) == b""
    assert result["bytes"] == (tmp_path / "out.jsonl.gz").stat().st_size > 0


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_half_a_character(emulator: Emulator, tmp_path: Path, name: str) -> None:
    import pandas as pd

    dataset_id = emulator.create_dataset(b'{"t":"cut \\ud83d"}\n{"t":"\\ud83d\\ude00 \\\\ud83d"}\n')
    to_local(dataset_id, tmp_path / name)
    frame = (pd.read_csv if name == "out.csv" else pd.read_parquet)(tmp_path / name)
    assert list(frame["t"]) == ["cut \ufffd", "😀 \\ud83d"]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([2**53 + 1, 1], [2**53 + 1, 1]),
        ([2**53 + 1, 0.5], [str(2**53 + 1), "0.5"]),
        ([2**64, 2**53 + 1], [str(2**64), str(2**53 + 1)]),
        ([7, 0.5], [7.0, 0.5]),
    ],
)
def test_parquet_rounds_no_integer(emulator: Emulator, tmp_path: Path, values: Any, read: Any) -> None:
    import pyarrow.parquet as pq

    to_local(emulator.create_dataset([{"id": value} for value in values]), tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == read


def test_parquet_refuses_rows_without_columns(emulator: Emulator, tmp_path: Path) -> None:
    with pytest.raises(ApifyDataError, match="skip_empty"):
        to_local(emulator.create_dataset([{}, {}]), tmp_path / "out.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fields", [["a,b"], "['a', 'b']", [""], [1]])
def test_names_that_the_api_cannot_take(emulator: Emulator, tmp_path: Path, fields: Any) -> None:
    with pytest.raises(ApifyConfigurationError, match="must be a list of names"):
        to_local(emulator.create_dataset(items(3)), tmp_path / "out.jsonl", fields=fields)
    assert not emulator.requests


def test_a_kill_leaves_nothing_behind(emulator: Emulator, tmp_path: Path) -> None:
    # As CSV so many rows take a second.
    dataset_id = emulator.create_dataset(b'{"n":1}\n' * 500_000)
    task = DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(tmp_path / "out.csv"))
    with (
        killed(task, once=lambda: emulator.requests),
        pytest.raises(AirflowException, match="told this task to stop"),
    ):
        task.execute({})
    assert not list(tmp_path.iterdir())
    task.on_kill()
