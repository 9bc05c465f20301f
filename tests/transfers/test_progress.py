"""The log tells how far an export is, and how large its pages are is learned from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.export import progress
from airflow_provider_apify.export.page_size import PageSize
from airflow_provider_apify.export.progress import Progress
from tests.support.exports import ragged_items, to_local


@pytest.mark.usefixtures("server", "fast_clock", "small_pages")
def test_the_log_tells_how_far_an_export_is(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_log: Callable[[], str]
) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    result = to_local(emulator.create_dataset(ragged_items(400)), tmp_path / "out.jsonl")
    log = read_log()
    assert " of some 400, " in log
    assert "s to go." in log
    assert "Wrote 400 rows (" in log.splitlines()[-1]
    assert f"to {result['destination']}." in log.splitlines()[-1]


def test_progress_is_told_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    export = Progress()
    told = []
    for _ in range(25):
        now += 1
        told.append(export.add(100, 2_000_000))
    assert [second for second, due in enumerate(told, start=1) if due] == [10, 20]
    assert export.describe("rows") == "2,500 rows (50.0 MB) in 25.0 s"
    assert export.left(10_000) == "2.0 MB/s; 75 s to go"
    assert export.left(0) == "2.0 MB/s; 0 s to go"


def test_the_rate_of_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    export = Progress()
    now += 10
    assert export.add(0, 0)
    assert export.left(5) == "0.0 MB/s; 50 s to go"


MIB = 1 << 20


@pytest.mark.parametrize(
    ("items", "total", "asked"),
    [
        (0, 0, 1_000),
        (1_000_000, 0, 1_000),
        # Items of 1 KiB: pages of 4 MiB of a large dataset, of half a MiB of a small one.
        (1 << 20, 1 << 30, 4096),
        (1 << 10, 1 << 20, 512),
        # Between the two, each of 16 connections gets two pages.
        (1 << 16, 64 * MIB, 2048),
        # Items of 8 MiB come one by one, and tiny ones not all at once.
        (16, 128 * MIB, 1),
        (1 << 30, 1 << 30, 50_000),
    ],
)
@pytest.mark.parametrize("figure", ["inflatedBytes", "storageBytes"])
def test_as_many_items_are_asked_for_as_make_a_page(items: int, total: int, asked: int, figure: str) -> None:
    size = PageSize(16)
    assert size.expect({"itemCount": items, "stats": {figure: total}}) == items
    assert size.items == asked


def test_what_came_last_says_most_about_the_size_of_items() -> None:
    size = PageSize(16)
    size.expect({"itemCount": 1 << 20, "stats": {"inflatedBytes": 1 << 30}})
    for _ in range(30):
        size.learn(1024, 4 * MIB)
    assert size.items == pytest.approx(1024, rel=0.01)
    size.learn(0, 0)
    assert size.items == pytest.approx(1024, rel=0.01)
