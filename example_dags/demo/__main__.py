"""
`make demo`: the example chain, for real, on this machine alone.

An emulated Apify, an Actor that crawls the pages of Python's own `pydoc` server, an S3 server, and Airflow
running `example_apify_chain`. With APIFY_TOKEN set, the Actor runs in that Apify account instead.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from crawler import crawl
from moto.server import ThreadedMotoServer

from airflow_provider_apify.emulator import Emulator

ACTOR = "apify/website-content-crawler"
BUCKET = "apify-results"
HOME = Path(__file__).parents[2] / ".demo"


@contextmanager
def pydoc_server() -> Iterator[str]:
    """Serve Python's documentation of itself; give its URL."""
    command = [sys.executable, "-m", "pydoc", "-n", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3 with one empty bucket; give its URL."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    _s3_client(url).create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


def main() -> None:
    """Run it all and say what happened."""
    started = time.monotonic()
    token = os.environ.get("APIFY_TOKEN")
    with ExitStack() as stack:
        s3 = stack.enter_context(s3_server())
        params = {"actor_id": ACTOR, "folder": str(HOME / "results"), "bucket": BUCKET}
        if token:
            apify = {"conn_type": "apify", "password": token}
        else:
            params["start_url"] = stack.enter_context(pydoc_server())
            emulator = Emulator()
            emulator.actor(ACTOR)(crawl)
            server = stack.enter_context(emulator.serve())
            apify = {"conn_type": "apify", "host": server.url, "password": server.token}
        run_dag("example_apify_chain", params, {"apify_default": apify, "aws_default": _s3_connection(s3)})
        report(s3, seconds=time.monotonic() - started, real=bool(token))


def run_dag(dag_id: str, params: dict[str, str], connections: dict[str, object]) -> None:
    """Run a DAG of this folder in an Airflow that lives in `.demo`."""
    settings = {
        "AIRFLOW_HOME": str(HOME / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parents[1]),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()},
    }
    airflow = [sys.executable, "-m", "airflow"]
    env = os.environ | settings
    subprocess.run([*airflow, "db", "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*airflow, "dags", "test", dag_id, "--conf", json.dumps(params)], env=env, check=True)


def report(s3: str, *, seconds: float, real: bool) -> None:
    """Say what ran and what landed where."""
    newest = max((HOME / "results").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    rows = newest.read_text().splitlines()
    client = _s3_client(s3)
    (entry,) = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    body = client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read().decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(body)))
    where = "your Apify account" if real else "an emulated Apify on this machine"
    print(
        f"\nDone in {seconds:.0f} s. The DAG example_apify_chain ran the Actor {ACTOR}"
        f"\nin {where}, waited for it deferred, and landed its results:"
        f"\n  {len(rows)} items in {newest}"
        f"\n  {len(table) - 1} rows in s3://{BUCKET}/{entry['Key']} (columns: {', '.join(table[0][:6])})"
    )
    if not real:
        print("To do the same in a real account: APIFY_TOKEN=<your API token> make demo")


def _s3_client(url: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
    )


def _s3_connection(url: str) -> dict[str, object]:
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    return {"conn_type": "aws", "login": "demo", "password": "demo", "extra": extra}


if __name__ == "__main__":
    main()
