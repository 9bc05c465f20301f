"""Every selected row lands, however many pages it takes and however large they are."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyDataError, ApifyNotFoundError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import first_stream, page_size
from tests.support.exports import parse_lines, ragged_items, set_page_bytes, to_local

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


@pytest.mark.parametrize("count", [0, 1, 6, 7, 500])
@pytest.mark.parametrize("total", ["exact", "stale", "zero"])
@pytest.mark.usefixtures("small_pages")
def test_all_rows_land_from_any_number_of_pages(
    emulator: Emulator, tmp_path: Path, count: int, total: Any
) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    dataset_id = emulator.create_dataset(ragged_items(count)[: count // 3])
    emulator.platform.datasets[dataset_id].push(ragged_items(count)[count // 3 :])
    result = to_local(dataset_id, tmp_path / "out.jsonl")
    assert parse_lines((tmp_path / "out.jsonl").read_bytes()) == ragged_items(count)
    assert (result["rows"], result["files"]) == (count, 1)
    assert result["bytes"] == (tmp_path / "out.jsonl").stat().st_size
    assert result["destination"] == (tmp_path / "out.jsonl").as_uri()
    assert result["path"] == str(tmp_path / "out.jsonl")


@pytest.mark.parametrize("total", ["exact", "zero"])
@pytest.mark.usefixtures("small_pages")
def test_pages_without_rows_are_not_taken_for_the_end(emulator: Emulator, tmp_path: Path, total: Any) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = total, 1e9
    holes = [item if n < 20 or n > 380 else {"#hidden": 1} for n, item in enumerate(ragged_items(400))]
    dataset_id = emulator.create_dataset(holes)
    to_local(dataset_id, tmp_path / "out.jsonl", clean=True)
    kept = [{k: v for k, v in item.items() if not k.startswith("#")} for item in holes]
    assert parse_lines((tmp_path / "out.jsonl").read_bytes()) == [item for item in kept if item]


@pytest.mark.usefixtures("small_pages")
def test_unwound_items_land_with_all_their_rows(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"id": n, "list": list(range(n % 30))} for n in range(200)])
    result = to_local(dataset_id, tmp_path / "out.jsonl", unwind="list", offset="10", limit="150")
    rows = parse_lines((tmp_path / "out.jsonl").read_bytes())
    assert rows == [{"id": n, "list": k} for n in range(10, 160) for k in range(n % 30)]
    assert result["rows"] == len(rows)


@pytest.mark.usefixtures("small_pages")
def test_fields_offset_and_limit_select_rows(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(ragged_items(300))
    to_local(dataset_id, tmp_path / "out.jsonl", fields=["text", "n"], offset=5, limit=100)
    wanted = [{k: item[k] for k in ("text", "n") if k in item} for item in ragged_items(300)[5:105]]
    assert parse_lines((tmp_path / "out.jsonl").read_bytes()) == wanted


def test_compressed_pages_land_as_they_are(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(ragged_items(3000))
    to_local(dataset_id, tmp_path / "out.jsonl.gz")
    assert parse_lines(gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes())) == ragged_items(3000)
    assert "gzip" in [request.headers["Accept-Encoding"] for request in emulator.requests]


def test_a_fast_stream_brings_all_rows(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_page_bytes(monkeypatch, 4000, first_items=7, chunk_bytes=300, stream=True)
    # With `stream` alone no rate at all would be too slow.
    monkeypatch.setattr(first_stream, "_FAST_BYTES_PER_SECOND", 1e-9)
    to_local(emulator.create_dataset(ragged_items(500)), tmp_path / "out.jsonl")
    limits = [seen.query.get("limit") for seen in emulator.requests if seen.path.endswith("/items")]
    assert set(limits) <= {None, "1"}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_page_larger_than_expected_is_asked_for_in_halves(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(page_size, "MAX_BYTES", 2000)
    rows = [{"text": "x" * (5000 if n == 40 else 10)} for n in range(100)]
    to_local(emulator.create_dataset(rows), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert parse_lines(gzip.decompress(data) if name.endswith(".gz") else data) == rows


def test_missing_items_fail_the_task(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    dataset_id = emulator.create_dataset(ragged_items(20))
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
    # As long as a replica may lag.
    assert sum(pauses) > 15


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (3, {"expected_rows": "4"}, "gave 3 rows where 4 were expected"),
        (0, {"fail_on_empty": True}, "gave no row"),
    ],
)
@pytest.mark.parametrize("split", [None, 2])
def test_an_unexpected_number_of_rows_fails_the_task(
    emulator: Emulator, tmp_path: Path, count: int, arguments: Any, message: str, split: Any
) -> None:
    dataset_id = emulator.create_dataset(ragged_items(count))
    with pytest.raises(ApifyDataError, match=message):
        to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=split, **arguments)
    assert not list(tmp_path.iterdir())
    to_local(dataset_id, tmp_path / "out.jsonl", rows_per_file=split, expected_rows=count)


def test_an_unknown_dataset_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(ApifyNotFoundError):
        to_local("nobody~nothing", tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())
