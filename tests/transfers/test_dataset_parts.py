"""An export in parts: each part and the manifest say the same, and all of them are there or none."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path

import pytest

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyNotFoundError
from airflow_provider_apify.emulator import Emulator, Fault
from tests.support.exports import ITEMS_PATH, parse_lines, ragged_items, to_local, to_s3
from tests.support.s3_bucket import BUCKET, S3Bucket

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet", "out.json"])
def test_the_manifest_lists_every_part(emulator: Emulator, s3: S3Bucket, name: str) -> None:
    import pandas as pd

    result = to_s3(emulator.create_dataset(ragged_items(400)), f"items/{name}", rows_per_file="150")
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
    assert not s3.unfinished_uploads
    if ".jsonl" in name:
        rows = parse_lines(
            b"".join(gzip.decompress(part) if name.endswith(".gz") else part for part in parts)
        )
        assert rows == ragged_items(400)
    elif name == "out.json":
        assert [row for part in parts for row in json.loads(part)] == ragged_items(400)
    else:
        read = pd.read_csv if name == "out.csv" else pd.read_parquet
        frames = [read(io.BytesIO(part)) for part in parts]
        assert [len(frame) for frame in frames] == [150, 150, 100]
        assert len({tuple(frame.columns) for frame in frames}) == 1


@pytest.mark.usefixtures("small_pages")
def test_parts_are_replaced_all_or_not_at_all(emulator: Emulator, tmp_path: Path) -> None:
    to_local(emulator.create_dataset(ragged_items(400)), tmp_path / "out.jsonl", rows_per_file=100)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    small = emulator.create_dataset(ragged_items(150))
    with pytest.raises(ApifyConfigurationError, match="exists already"):
        to_local(small, tmp_path / "out.jsonl", rows_per_file=100)
    fault = emulator.faults.add(Fault("answer", "GET", ITEMS_PATH, tuple(range(9, 99)), status=404))
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


def test_parts_are_taken_back_if_one_cannot_be_committed(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = Path.replace, iter(range(99))

    def full_disk(self: Path, target: Path) -> Path:
        if next(calls) == 1:
            raise OSError("No space left on device")
        return replace(self, target)

    dataset_id = emulator.create_dataset(ragged_items(250))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(OSError, match="No space"):
            to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=100)
    assert not list(tmp_path.iterdir())
    assert to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=100)["files"] == 3


def test_the_folder_is_read_once_however_many_parts_there_are(
    emulator: Emulator, tmp_path: Path, folder_reads: list[str]
) -> None:
    (tmp_path / ".out-00007.jsonl~dead.part").write_text("half")
    to_local(emulator.create_dataset(ragged_items(40)), tmp_path / "out.jsonl", rows_per_file=1)
    assert len(folder_reads) == 1
    assert not list(tmp_path.glob(".*"))


def test_names_with_dots_share_no_part(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(ragged_items(3))
    for name in ("a.com.jsonl", "a.org.jsonl", "a.org.csv", "a.org.jsonl.gz"):
        to_local(dataset_id, tmp_path / name, rows_per_file=2)
    assert len(list(tmp_path.iterdir())) == 12
    assert (tmp_path / "a.org-00001.jsonl.gz").exists()


def test_a_rendered_file_is_not_cut(emulator: Emulator, tmp_path: Path) -> None:
    with pytest.raises(ApifyConfigurationError, match="makes xml as a whole"):
        to_local(emulator.create_dataset(ragged_items(3)), tmp_path / "out.xml", rows_per_file=100)
