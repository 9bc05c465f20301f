"""The example DAGs on a real Airflow, as a newcomer would run them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path

from airflow_provider_apify.emulator import Emulator
from tests.airflow.conftest import TOKEN, assert_token_is_in_no_file, item
from tests.support.airflow_home import AirflowHome
from tests.support.s3_bucket import BUCKET, S3Bucket

START = "http://example.com/"
ACTOR = "emulator/crawler"


def expected(url: str, pages: int) -> bytes:
    """Return the rows as the Actor pushed them."""
    lines = (json.dumps(item(url, n), separators=(",", ":"), ensure_ascii=False) for n in range(pages))
    return "".join(line + "\n" for line in lines).encode()


def assert_token_is_nowhere(airflow: AirflowHome, printed: str) -> None:
    """Assert that the token is in no log, no XCom, no rendered field and nowhere else in Airflow's home."""
    # At DEBUG, Airflow's own in-process supervisor prints the messages that tell it what to mask.
    ours = [line for line in printed.splitlines() if "MaskSecret(" not in line]
    assert TOKEN not in "".join(ours)
    assert_token_is_in_no_file(airflow)


def test_chain_lands_the_items_on_disk_and_in_s3(
    airflow: AirflowHome, emulator: Emulator, s3: S3Bucket, tmp_path: Path
) -> None:
    params = {"actor_id": ACTOR, "start_url": START, "folder": str(tmp_path), "bucket": BUCKET}
    printed = airflow.test_dag("example_apify_chain", params)
    (run,) = emulator.runs
    assert run["status"] == "SUCCEEDED"
    (landed,) = tmp_path.glob("*.jsonl")
    assert landed.read_bytes() == expected(START, 50)
    (key,) = s3.keys
    rows = list(csv.DictReader(io.StringIO(s3.get(key).decode())))
    assert [row["title"] for row in rows] == [item(START, n)["title"] for n in range(50)]
    assert rows[7]["nested/n/0"] == "7"
    assert_token_is_nowhere(airflow, printed)


def test_mapped_starts_a_run_for_each_url(airflow: AirflowHome, emulator: Emulator, tmp_path: Path) -> None:
    urls = [f"http://example.com/{name}" for name in "abc"]
    before = len(emulator.runs)
    printed = airflow.test_dag(
        "example_apify_mapped", {"actor_id": ACTOR, "start_urls": urls, "folder": str(tmp_path)}
    )
    assert len(emulator.runs) == before + 3
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [expected(url, 1) for url in urls]
    assert_token_is_nowhere(airflow, printed)


def test_large_export_lands_parts_and_a_manifest(
    airflow: AirflowHome, emulator: Emulator, tmp_path: Path
) -> None:
    rows = [item(START, n) for n in range(250)]
    dataset_id = emulator.create_dataset(rows)
    airflow.test_dag(
        "example_apify_large_export",
        {"dataset_id": dataset_id, "items_per_part": 100, "folder": f"file://{tmp_path}"},
    )
    manifest = json.loads((tmp_path / "_items.jsonl.manifest.json").read_bytes())
    assert [file["rows"] for file in manifest["files"]] == [100, 100, 50]
    parts = [Path(file["destination"].removeprefix("file://")) for file in manifest["files"]]
    for part, file in zip(parts, manifest["files"], strict=True):
        assert hashlib.sha256(part.read_bytes()).hexdigest() == file["sha256"]
    landed = b"".join(gzip.decompress(part.read_bytes()) for part in parts)
    assert [json.loads(line) for line in landed.splitlines()] == rows


def test_taskflow_succeeds(airflow: AirflowHome) -> None:
    printed = airflow.test_dag("example_apify_taskflow", {"actor_id": ACTOR, "start_url": START})
    assert "state:success" in printed or "state=success" in printed
    assert_token_is_nowhere(airflow, printed)


def test_airflow_lists_the_provider_without_a_warning(airflow: AirflowHome) -> None:
    done = airflow.command("providers", "list", "--output", "plain")
    assert "airflow-provider-apify" in done.stdout
    done = airflow.command("providers", "hooks", "--output", "plain")
    assert "airflow_provider_apify.hooks.apify.ApifyHook" in done.stdout
    done = airflow.command("providers", "links", "--output", "plain")
    assert "airflow_provider_apify.links.ApifyConsoleLink" in done.stdout
    complaints = [
        line for line in done.stderr.splitlines() if "warn" in line.lower() and "apify" in line.lower()
    ]
    assert not complaints


def test_airflow_parses_the_dags_without_an_error_or_a_warning_of_ours(airflow: AirflowHome) -> None:
    done = airflow.command("dags", "list-import-errors", check=False)
    printed = done.stdout + done.stderr
    assert "No data found" in printed
    assert not [line for line in printed.splitlines() if "Warning" in line and "apify" in line]
