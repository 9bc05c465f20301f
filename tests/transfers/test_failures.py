"""Whatever breaks: nothing is visible before the end, nothing is left behind, and a retry is exact."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import ranges, sprint
from airflow_provider_apify.export import s3 as s3_module
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator
from tests.support.waiting import wait_until
from tests.transfers.conftest import BUCKET, S3

ITEMS = "/v2/datasets/*/items"
ROWS = [{"n": n, "t": "žluťoučký\n" * (n % 3)} for n in range(5)]


@pytest.fixture
def by_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sprint, "may_sprint", lambda source: False)
    monkeypatch.setattr("airflow_provider_apify.export.reading.may_sprint", lambda source: False)


def to_local(dataset_id: str, path: Path, **kwargs: Any) -> bytes:
    DatasetToLocalOperator(task_id="land", dataset_id=dataset_id, path=str(path), **kwargs).execute({})
    return path.read_bytes()


@pytest.mark.usefixtures("server", "fast_clock", "by_ranges")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_page_cut_at_every_byte(emulator: Emulator, tmp_path: Path, name: str) -> None:
    dataset_id = emulator.create_dataset(ROWS)
    whole = to_local(dataset_id, tmp_path / f"whole-{name}")
    for cut_at in range(len(whole)):
        emulator.faults.clear()
        fault = emulator.faults.add(Fault("alter", "GET", ITEMS, (1,), cut_at=cut_at))
        assert to_local(dataset_id, tmp_path / name, replace=True) == whole
        assert fault.fired


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_stream_cut_at_every_byte(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sprint, "_CHUNK_BYTES", 50)
    dataset_id = emulator.create_dataset(ROWS)
    whole = to_local(dataset_id, tmp_path / "whole.jsonl")
    for cut_at in range(len(whole)):
        emulator.faults.clear()
        emulator.faults.add(Fault("alter", "GET", ITEMS, (1, 2), cut_at=cut_at))
        assert to_local(dataset_id, tmp_path / "out.jsonl", replace=True) == whole


@pytest.mark.usefixtures("server", "fast_clock")
@pytest.mark.parametrize("part", [1, 2, 3, "complete"])
def test_an_upload_that_fails(
    emulator: Emulator, s3: S3, monkeypatch: pytest.MonkeyPatch, part: int | str
) -> None:
    from botocore.exceptions import ClientError

    monkeypatch.setattr(s3_module, "_PART_BYTES", 5 << 20)
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
    assert s3.keys == s3.uploads == []
    task.execute({})
    assert s3.get("out.jsonl").count(b"\n") == 12_000
    assert not s3.uploads


@pytest.mark.usefixtures("server", "fast_clock")
@pytest.mark.parametrize("writable", [True, False])
def test_a_bucket_that_may_not_be_listed(
    emulator: Emulator, s3: S3, monkeypatch: pytest.MonkeyPatch, writable: bool
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
    assert not s3.uploads


@pytest.mark.usefixtures("server", "fast_clock")
def test_a_full_disk(emulator: Emulator, tmp_path: Path) -> None:
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
    assert to_local(dataset_id, target / "out.jsonl").count(b"\n") == 3000


def test_a_killed_worker(
    emulator: Emulator, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_FIRST_ROWS", 10)
    # Not to be compressed, or it would all be there before anyone can kill anything.
    dataset_id = emulator.create_dataset(
        [{"n": n, "t": random.Random(n).randbytes(500).hex()} for n in range(3000)]
    )
    slow = emulator.faults.add(Fault("alter", "GET", ITEMS, bandwidth=300_000))
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
    data = to_local(dataset_id, target / "out.jsonl")
    assert [json.loads(line)["n"] for line in data.splitlines()] == list(range(3000))
    assert [path.name for path in target.iterdir()] == ["out.jsonl"]
