"""
One contestant, in a process of its own; prints what it took as JSON.

    python benchmarks/contestants.py NAME PORT TARGET [S3_URL]

`peak_mb` is the highest resident memory above what the imports had taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATASET = "benchmark00000001"
BUCKET = "benchmark"
# iterate_items asks for pages of a thousand: a tenth of the items tells its rate, and is told as such.
ITERATED_SHARE = 10


def memory_mb(what: str) -> float:
    """Return a figure of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def connect(port: str, s3_url: str | None) -> None:
    """Define the Airflow connections."""
    apify = {"conn_type": "apify", "host": f"http://127.0.0.1:{port}", "password": "token-of-nothing"}
    aws = {
        "conn_type": "aws",
        "login": "key",
        "password": "secret",
        "extra": {"endpoint_url": s3_url, "region_name": "us-east-1"},
    }
    os.environ["AIRFLOW_CONN_APIFY_DEFAULT"] = json.dumps(apify)
    os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(aws)


def load_airflow() -> None:
    """Load what Airflow has loaded before a task starts: operators and plugins."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
    from airflow.providers.common.compat.sdk import BaseHook, BaseOperator

    assert callable(BaseHook.get_connection)
    assert callable(BaseOperator.execute)
    get_hook_lineage_collector()  # type: ignore[no-untyped-call]


def provider_to_disk(port: str, target: str, _: str | None) -> Callable[[], Any]:
    """Run DatasetToLocalOperator."""
    load_airflow()
    from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator

    task = DatasetToLocalOperator(task_id="land", dataset_id=DATASET, path=target, replace=True)
    # The official client, too, is made before the clock starts.
    task.hook.get_conn()
    return lambda: task.execute({})


def provider_to_s3(port: str, target: str, _: str | None) -> Callable[[], Any]:
    """Run DatasetToS3Operator."""
    load_airflow()
    from airflow_provider_apify.transfers.dataset_to_s3 import DatasetToS3Operator

    task = DatasetToS3Operator(
        task_id="land", dataset_id=DATASET, key=target, bucket_name=BUCKET, replace=True
    )
    # The official client, too, is made before the clock starts.
    task.hook.get_conn()
    return lambda: task.execute({})


def official_stream(port: str, target: str, _: str | None) -> Callable[[], Any]:
    """Stream with the official client into a file."""
    from apify_client import ApifyClient

    client = ApifyClient("token-of-nothing", api_url=f"http://127.0.0.1:{port}")

    def run() -> None:
        with client.dataset(DATASET).stream_items(item_format="jsonl") as answer, open(target, "wb") as file:
            for part in answer.iter_bytes():
                file.write(part)

    return run


def official_iterate(port: str, target: str, _: str | None) -> Callable[[], Any]:
    """Iterate with the official client over a tenth of the items, and write them."""
    from apify_client import ApifyClient

    client = ApifyClient("token-of-nothing", api_url=f"http://127.0.0.1:{port}")
    dataset = client.dataset(DATASET)
    items = dataset.get().item_count // ITERATED_SHARE  # type: ignore[union-attr]

    def run() -> None:
        with open(target, "w") as file:
            for item in dataset.iterate_items(limit=items):
                file.write(json.dumps(item, ensure_ascii=False) + "\n")

    return run


def curl(port: str, target: str, _: str | None) -> Callable[[], Any]:
    """Let curl write the same bytes."""
    url = f"http://127.0.0.1:{port}/v2/datasets/{DATASET}/items?format=jsonl"
    return lambda: subprocess.run(["curl", "-sS", "-o", target, url], check=True)


def aws_cli(port: str, target: str, s3_url: str | None) -> Callable[[], Any]:
    """Let the AWS command line copy the same file from the disk."""
    assert s3_url
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    aws = str(Path(sys.executable).with_name("aws"))
    command = [aws, "--endpoint-url", s3_url, "s3", "cp", "--quiet", target, f"s3://{BUCKET}/aws-cli.jsonl"]
    return lambda: subprocess.run(command, check=True, env=environment)


CONTESTANTS = (provider_to_disk, provider_to_s3, official_stream, official_iterate, curl, aws_cli)


def main() -> None:
    """Run one contestant."""
    name, port, target, *rest = sys.argv[1:]
    s3_url = rest[0] if rest else None
    connect(port, s3_url)
    contestant = next(contestant for contestant in CONTESTANTS if contestant.__name__ == name)
    with contextlib.redirect_stdout(sys.stderr):
        run = contestant(port, target, s3_url)
        before = memory_mb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        started = time.perf_counter()
        run()
        seconds = time.perf_counter() - started
    if name == "official_iterate":
        seconds *= ITERATED_SHARE
    print(json.dumps({"seconds": seconds, "peak_mb": memory_mb("VmHWM") - before}))


if __name__ == "__main__":
    main()
