"""Whatever breaks: nothing is visible before the end, nothing is left behind, and a retry is exact."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyNotFoundError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import first_stream, page_size
from airflow_provider_apify.export.stores.local import LocalFile
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator
from tests.support.exports import ITEMS_PATH, ragged_items, to_local, to_object_storage, to_s3
from tests.support.s3_bucket import BUCKET, S3Bucket
from tests.support.waiting import killed, wait_until

ROWS = [{"n": n, "t": "žluťoučký\n" * (n % 3)} for n in range(5)]


def landed(dataset_id: str, path: Path, **kwargs: Any) -> bytes:
    """Return what an export leaves on disk."""
    to_local(dataset_id, path, **kwargs)
    return path.read_bytes()


@pytest.mark.usefixtures("server", "fast_clock", "no_first_stream")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_page_cut_at_any_byte_is_asked_for_again(emulator: Emulator, tmp_path: Path, name: str) -> None:
    dataset_id = emulator.create_dataset(ROWS)
    whole = landed(dataset_id, tmp_path / f"whole-{name}")
    for cut_at in range(len(whole)):
        emulator.faults.clear()
        fault = emulator.faults.add(Fault("alter", "GET", ITEMS_PATH, (1,), cut_at=cut_at))
        assert landed(dataset_id, tmp_path / name, replace=True) == whole
        assert fault.fired


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_stream_cut_at_any_byte_goes_on_in_ranges(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_stream, "_CHUNK_BYTES", 50)
    dataset_id = emulator.create_dataset(ROWS)
    whole = landed(dataset_id, tmp_path / "whole.jsonl")
    for cut_at in range(len(whole)):
        emulator.faults.clear()
        emulator.faults.add(Fault("alter", "GET", ITEMS_PATH, (1, 2), cut_at=cut_at))
        assert landed(dataset_id, tmp_path / "out.jsonl", replace=True) == whole


@pytest.mark.usefixtures("server", "fast_clock")
@pytest.mark.parametrize("part", [1, 2, 3, "complete"])
def test_an_upload_that_fails_leaves_nothing_and_can_be_retried(
    emulator: Emulator, s3: S3Bucket, monkeypatch: pytest.MonkeyPatch, part: int | str
) -> None:
    from botocore.exceptions import ClientError

    monkeypatch.setattr("airflow_provider_apify.export.stores.s3._PART_BYTES", 5 << 20)
    dataset_id = emulator.create_dataset([{"n": n, "t": "x" * 1000} for n in range(12_000)])
    task = DatasetToS3Operator(task_id="land", dataset_id=dataset_id, key="out.jsonl", bucket_name=BUCKET)

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if params["url_path"].endswith("out.jsonl") and part in (
            params["query_string"].get("partNumber"),
            "complete" if params["method"] == "POST" and "uploadId" in params["query_string"] else None,
        ):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "as told"}}, "UploadPart")

    operations = ("UploadPart", "CompleteMultipartUpload")
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    client: Any = S3Hook("aws_default").get_conn()
    for operation in operations:
        client.meta.events.register(f"before-call.s3.{operation}", refuse)
    with monkeypatch.context() as patched:
        patched.setattr(S3Hook, "get_conn", lambda self: client)
        with pytest.raises(ClientError, match="as told"):
            task.execute({})
    assert s3.keys == s3.unfinished_uploads == []
    task.execute({})
    assert s3.get("out.jsonl").count(b"\n") == 12_000
    assert not s3.unfinished_uploads


@pytest.mark.usefixtures("server", "fast_clock")
@pytest.mark.parametrize("writable", [True, False])
def test_a_bucket_that_may_be_written_need_not_be_listed(
    emulator: Emulator, s3: S3Bucket, monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.exceptions import ClientError

    def forbid(model: Any, **_: Any) -> None:
        answer: Any = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(answer, model.name)

    client: Any = S3Hook("aws_default").get_conn()
    for operation in (
        "HeadBucket",
        "ListMultipartUploads",
        *(() if writable else ("CreateMultipartUpload",)),
    ):
        client.meta.events.register(f"before-call.s3.{operation}", forbid)
    monkeypatch.setattr(S3Hook, "get_conn", lambda self: client)
    task = DatasetToS3Operator(
        task_id="land", dataset_id=emulator.create_dataset(ROWS), key="out.jsonl", bucket_name=BUCKET
    )
    if writable:
        task.execute({})
        assert s3.get("out.jsonl").count(b"\n") == len(ROWS)
    else:
        with pytest.raises(ApifyConfigurationError, match="cannot be used"):
            task.execute({})
        assert not emulator.requests
    assert not s3.unfinished_uploads


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_full_disk_leaves_nothing_and_can_be_retried(emulator: Emulator, tmp_path: Path) -> None:
    # A limit on the size of files makes the kernel refuse a write, as a full disk does.
    dataset_id = emulator.create_dataset([{"t": "x" * 1000} for n in range(3000)])
    script = (
        "import resource, signal, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator as Operator;"
        "Operator(task_id='land', dataset_id=sys.argv[1], path=sys.argv[2]).execute({})"
    )
    target = tmp_path / "target"
    done = subprocess.run(
        [sys.executable, "-c", script, dataset_id, str(target / "out.jsonl")],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"File too large" in done.stderr
    assert not list(target.iterdir())
    assert landed(dataset_id, target / "out.jsonl").count(b"\n") == 3000


def test_a_killed_worker_leaves_nothing_visible(
    emulator: Emulator, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_size, "FIRST_ITEMS", 10)
    # Not to be compressed, or it would all be there before anyone can kill anything.
    dataset_id = emulator.create_dataset(
        [{"n": n, "t": random.Random(n).randbytes(500).hex()} for n in range(3000)]
    )
    slow = emulator.faults.add(Fault("alter", "GET", ITEMS_PATH, bandwidth=300_000))
    target = tmp_path / "target"
    script = (
        "import sys;"
        "from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator as Operator;"
        "Operator(task_id='land', dataset_id=sys.argv[1], path=sys.argv[2]).execute({})"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script, dataset_id, str(target / "out.jsonl")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: slow.fired and any(path.stat().st_size for path in target.glob(".*")), seconds=60)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert [path.name[0] for path in target.iterdir()] == ["."]
    emulator.faults.clear()
    data = landed(dataset_id, target / "out.jsonl")
    assert [json.loads(line)["n"] for line in data.splitlines()] == list(range(3000))
    assert [path.name for path in target.iterdir()] == ["out.jsonl"]


@pytest.mark.usefixtures("server", "fast_clock", "small_pages")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv"])
def test_errors_on_the_way_change_no_byte(emulator: Emulator, tmp_path: Path, name: str) -> None:
    dataset_id = emulator.create_dataset(ragged_items(400))
    to_local(dataset_id, tmp_path / f"calm-{name}")
    for fault in (
        Fault("answer", "GET", ITEMS_PATH, (7,), status=500),
        Fault("answer", "GET", ITEMS_PATH, (3, 4, 9), status=429, type="rate-limit-exceeded"),
        Fault("drop-before", "GET", ITEMS_PATH, (5,)),
        Fault("alter", "GET", ITEMS_PATH, (2, 6, 8), cut_at=100),
        Fault("alter", "GET", ITEMS_PATH, (10,), cut_at=0),
    ):
        emulator.faults.add(fault)
    to_local(dataset_id, tmp_path / name)
    assert all(fault.fired for fault in emulator.faults)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"calm-{name}").read_bytes()


@pytest.mark.usefixtures("server", "fast_clock", "small_pages")
def test_a_failure_leaves_nothing_on_disk(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old")
    emulator.faults.add(Fault("answer", "GET", ITEMS_PATH, tuple(range(9, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_local(emulator.create_dataset(ragged_items(400)), tmp_path / "out.jsonl", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "old"


@pytest.mark.usefixtures("server", "fast_clock", "small_pages")
def test_a_failure_leaves_nothing_in_s3(
    emulator: Emulator, s3: S3Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.export.stores.s3._PART_BYTES", 5 << 20)
    monkeypatch.setattr(page_size, "TARGET_BYTES", 1 << 20)
    monkeypatch.setattr(page_size, "_SMALLEST_TARGET_BYTES", 1 << 20)
    dataset_id = emulator.create_dataset([{"text": "x" * 1000} for n in range(20_000)])
    fault = emulator.faults.add(Fault("answer", "GET", ITEMS_PATH, tuple(range(15, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_s3(dataset_id, "out.jsonl")
    assert fault.fired
    assert s3.keys == s3.unfinished_uploads == []


@pytest.mark.usefixtures("server", "fast_clock", "small_pages")
def test_a_failure_leaves_nothing_in_object_storage(emulator: Emulator, tmp_path: Path) -> None:
    emulator.faults.add(Fault("answer", "GET", ITEMS_PATH, tuple(range(9, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_object_storage(emulator.create_dataset(ragged_items(400)), f"file://{tmp_path}/out.jsonl")
    gc.collect()
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_failure_leaves_no_upload_in_object_storage(emulator: Emulator, s3: S3Bucket) -> None:
    rows = [{"n": n, "text": "x" * 1000} for n in range(40_000)]
    emulator.faults.add(Fault("alter", "GET", ITEMS_PATH, (1, 2), cut_at=30_000_000))
    emulator.faults.add(Fault("answer", "GET", ITEMS_PATH, tuple(range(2, 99)), status=404))
    with pytest.raises(ApifyNotFoundError):
        to_object_storage(emulator.create_dataset(rows), f"s3://aws_default@{BUCKET}/out.jsonl")
    gc.collect()
    assert not s3.keys
    assert not s3.unfinished_uploads


@pytest.mark.usefixtures("server", "fast_clock")
def test_what_a_killed_worker_left_on_disk_is_removed(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / ".out.jsonl~dead.part").write_text("half")
    to_local(emulator.create_dataset(ragged_items(3)), tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_link_in_the_place_of_what_was_left_is_not_followed(tmp_path: Path) -> None:
    targets = [tmp_path / "file", tmp_path / "fifo", tmp_path / "none"]
    targets[0].write_text("somebody's")
    os.mkfifo(targets[1])
    links = [tmp_path / f".out.jsonl~{target.name}.part" for target in targets]
    for link, target in zip(links, targets, strict=True):
        link.symlink_to(target)
    os.mkfifo(tmp_path / ".out.jsonl~dead.part")
    LocalFile(tmp_path / "out.jsonl", replace=True).check()
    assert all(link.is_symlink() for link in links)
    assert targets[0].read_text() == "somebody's"
    assert not targets[2].exists()


def test_what_another_worker_is_writing_is_left_alone(tmp_path: Path) -> None:
    def begin() -> Any:
        return LocalFile(tmp_path / "out.jsonl", replace=True).begin()

    with begin() as first:
        first.write(b"first")
        with begin() as second:
            second.write(b"second")
            first.commit()
            assert (tmp_path / "out.jsonl").read_bytes() == b"first"
            second.commit()
    assert (tmp_path / "out.jsonl").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.usefixtures("server", "fast_clock")
def test_what_a_killed_worker_left_in_s3_is_removed(emulator: Emulator, s3: S3Bucket) -> None:
    for key in ("out.jsonl", "out.jsonl.other"):
        s3.client.create_multipart_upload(Bucket=BUCKET, Key=key)
    to_s3(emulator.create_dataset(ragged_items(3)), "out.jsonl")
    assert s3.unfinished_uploads == ["out.jsonl.other"]


def test_a_transfer_that_is_not_at_work_has_nothing_to_stop(tmp_path: Path) -> None:
    DatasetToLocalOperator(task_id="land", dataset_id="x", path=str(tmp_path / "out.jsonl")).on_kill()


@pytest.mark.usefixtures("server", "fast_clock")
def test_on_kill_leaves_nothing_behind(emulator: Emulator, tmp_path: Path) -> None:
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
