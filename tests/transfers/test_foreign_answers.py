"""What is not certainly whole, and Apify's answer to what was asked, reaches no destination."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyDataError, ApifyServerError, ApifyTooLargeError
from airflow_provider_apify.api.item_selection import select
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export import page_size
from airflow_provider_apify.export.first_stream import stream_pages
from airflow_provider_apify.export.item_pages import DatasetSource, count_rows, whole_page
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.key_value_store import KeyValueStoreToLocalOperator
from tests.support.compressed_answers import compressed_answer
from tests.support.exports import ITEMS_PATH, parse_lines, ragged_items, set_page_bytes, to_local

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

PAGE = "<html>\n<body>\nPlease wait while your download is scanned.\n</body>\n</html>\n"
RECORDS = "/v2/key-value-stores/*/records/*"
ALL_FORMATS = ("jsonl", "jsonl.gz", "json", "csv", "parquet", "xlsx", "xml", "html", "rss")


def answer_once(number: int, **fields: Any) -> Fault:
    return Fault("answer", "GET", ITEMS_PATH, (number,), status=200, **fields)


@pytest.mark.parametrize("suffix", ALL_FORMATS)
@pytest.mark.parametrize("rows", [0, 30])
def test_a_page_of_a_proxy_is_not_taken_for_rows(
    emulator: Emulator, tmp_path: Path, suffix: str, rows: int
) -> None:
    dataset_id = emulator.create_dataset([{"n": n} for n in range(rows)])
    calm, name = tmp_path / f"calm.{suffix}", f"out.{suffix}"
    if rows or suffix not in ("xlsx", "html"):
        to_local(dataset_id, calm)
    asked = sum(request.path.endswith("/items") for request in emulator.requests) or 2
    for number in range(1, min(asked, 2) + 1):
        emulator.faults.clear()
        fault = emulator.faults.add(answer_once(number, body=PAGE))
        if calm.exists():
            to_local(dataset_id, tmp_path / name, expected_rows=rows, replace=True)
            assert (tmp_path / name).stat().st_size == calm.stat().st_size
        else:
            with pytest.raises(ApifyDataError, match="cannot make"):
                to_local(dataset_id, tmp_path / name)
        assert fault.fired


@pytest.mark.parametrize("suffix", ALL_FORMATS)
@pytest.mark.parametrize(
    "foreign",
    [
        {"body": PAGE},
        {"body": '{"status": "blocked"}\n', "content_type": "application/json"},
        {"body": "wait\n", "content_type": "text/plain"},
        {"body": ""},
    ],
    ids=["html", "json", "text", "empty"],
)
def test_a_proxy_that_never_gives_rows_fails_the_task(
    emulator: Emulator, tmp_path: Path, suffix: str, foreign: Any
) -> None:
    dataset_id = emulator.create_dataset([{"n": 1}])
    emulator.faults.add(Fault("answer", "GET", ITEMS_PATH, status=200, **foreign))
    with pytest.raises(ApifyServerError, match=f"{dataset_id}.* not Apify's .*proxy"):
        to_local(dataset_id, tmp_path / f"out.{suffix}", expected_rows=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [PAGE, '["a row that is none"]\n', '{"n":0}\n<html>error</html>\n'])
def test_what_is_no_row_is_not_taken_for_one_whatever_the_headers_say(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, *, stream: bool
) -> None:
    set_page_bytes(monkeypatch, 500, first_items=7, chunk_bytes=300, stream=stream)
    dataset_id = emulator.create_dataset(ragged_items(40))
    for number in (1, 2, 3, 4):
        emulator.faults.add(answer_once(number, body=body, content_type="application/jsonl"))
    to_local(dataset_id, tmp_path / "out.jsonl")
    assert parse_lines((tmp_path / "out.jsonl").read_bytes()) == ragged_items(40)


@pytest.mark.usefixtures("no_first_stream")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("rows_per_file", [None, 1])
@pytest.mark.parametrize(
    "row",
    [
        '{"a": no}',
        '{"a": "\udcff"}',
        '{"a": "\udced\udca0\udc80"}',
        '{"a":' + "[" * 9999 + "]" * 9999 + "}",
        "5",
        "{},{}",
        "{}\r{}",
        '{"a":\n1}',
    ],
    ids=["syntax", "encoding", "surrogate", "depth", "number", "two", "line end", "half"],
)
def test_a_row_that_cannot_be_read_is_named_with_its_dataset(
    emulator: Emulator, tmp_path: Path, suffix: str, rows_per_file: int | None, row: str
) -> None:
    body = f'{{"n":1}}\n{{}}\n{row}\n{{}}\n'
    count = body.count("\n")
    dataset_id = emulator.create_dataset([{}] * count)
    fault = Fault("answer", "GET", ITEMS_PATH, (), 200, body=body, content_type="application/jsonl")
    emulator.faults.add(fault)
    told = rf"Row 2 \(from 0\) .* dataset {dataset_id} cannot be exported .*`jsonl`"
    with pytest.raises(ApifyDataError, match=told):
        to_local(dataset_id, tmp_path / f"out.{suffix}", limit=count, rows_per_file=rows_per_file)
    assert not list(tmp_path.iterdir())
    if "udca0" not in ascii(row):
        with pytest.raises(ApifyDataError, match=told):
            list(ApifyHook().iterate_items(dataset_id, limit=count))


@pytest.mark.usefixtures("no_first_stream")
@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_row_of_any_depth_lands_in_json_lines(
    emulator: Emulator, tmp_path: Path, suffix: str, encoding: str
) -> None:
    dataset_id = emulator.create_dataset([{"n": 1}, {"n": 2}])
    rows = f'{{"n":1}}\n{{"a":{"[" * 9999}{"]" * 9999}}}'
    # The last row has no line end, and is whole all the same: the answer's own end has told.
    emulator.faults.add(Fault(path=ITEMS_PATH, request_headers={"Accept-Encoding": encoding}))
    fault = emulator.faults.add(answer_once(1, body=rows, content_type="application/jsonl"))
    to_local(dataset_id, tmp_path / f"out.{suffix}", limit=2, expected_rows=2)
    with (gzip.open if suffix == "jsonl.gz" else open)(tmp_path / f"out.{suffix}", "rb") as file:
        assert file.read() == f"{rows}\n".encode()
    assert fault.fired


def test_the_hook_gives_no_page_of_a_proxy(emulator: Emulator) -> None:
    hook, items = ApifyHook(), [{"n": n} for n in range(3)]
    dataset_id = emulator.create_dataset(items)
    store_id = emulator.create_key_value_store({"page.html": "<p>ž</p>", "empty": b""})
    run = hook.start_actor_run("emulator/worker")
    log = hook.get_log(run.id)
    emulator.faults.add(answer_once(1, body='{"status": "blocked"}', content_type="application/json"))
    assert hook.get_items(dataset_id).items() == items
    emulator.faults.add(Fault("answer", "GET", "*", (1, 2, 4, 6, 8, 10), status=200, body=PAGE))
    assert list(hook.iterate_items(dataset_id)) == items
    emulator.faults.clear()
    for get, expected in (
        (lambda: hook.get_items(dataset_id).items(), items),
        (lambda: hook.get_log(run.id), log),
        (lambda: hook.get_record(store_id, "page.html").value, "<p>ž</p>".encode()),
        (lambda: hook.get_record(store_id, "empty").value, b""),
    ):
        fault = emulator.faults.add(Fault("answer", "GET", "*", (1,), status=200, body=PAGE))
        assert get() == expected
        assert fault.fired


def test_a_page_of_a_proxy_is_no_receipt(emulator: Emulator) -> None:
    hook, dataset_id, store_id = ApifyHook(), emulator.create_dataset([]), emulator.create_key_value_store()
    emulator.faults.add(Fault("answer", "POST", "*", (1,), status=200, body=PAGE))
    with pytest.raises(ApifyServerError, match="not Apify's"):
        hook.push_items(dataset_id, b'[{"n": 1}]')
    emulator.faults.clear()
    fault = emulator.faults.add(Fault("answer", "PUT", "*", (1,), status=200, body=PAGE))
    hook.set_record(store_id, "k", b"1", content_type="text/plain")
    assert fault.fired
    assert hook.get_record(store_id, "k").value == b"1"


@pytest.mark.parametrize("redirect", [None, 1])
def test_records_are_told_from_the_page_of_a_proxy(
    emulator: Emulator, tmp_path: Path, redirect: int | None
) -> None:
    emulator.switches.redirect_record_bytes = redirect
    store_id = emulator.create_key_value_store({"page.html": "<p>ž</p>", "n": b"1"})
    fault = emulator.faults.add(Fault("answer", "GET", RECORDS, (1, 2), status=200, body=PAGE))
    KeyValueStoreToLocalOperator(task_id="land", key_value_store_id=store_id, path=str(tmp_path)).execute({})
    assert fault.fired == 2
    assert (tmp_path / "page.html").read_text() == "<p>ž</p>"
    assert (tmp_path / "n").read_bytes() == b"1"


def test_a_stream_without_a_line_end_is_left_for_ranges(emulator: Emulator) -> None:
    emulator.faults.add(compressed_answer(200 << 20, ITEMS_PATH, "application/jsonl"))
    source, client = DatasetSource("d", select()), ApifyHook().get_conn()
    tracemalloc.start()
    assert list(stream_pages(source, client)) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * page_size.MAX_BYTES


@pytest.mark.parametrize("selection", [{}, {"unwind": "list"}], ids=["item", "unwound"])
@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_an_item_that_is_too_large_is_named(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selection: Any, suffix: str
) -> None:
    set_page_bytes(monkeypatch, 500, first_items=7, chunk_bytes=300, stream=False)
    monkeypatch.setattr(page_size, "MAX_BYTES", 1000)
    monkeypatch.setattr(page_size, "MAX_ITEM_BYTES", 4000)
    large = {"text": "x" * 1500, "list": [1, 2, 3]} if selection else {"text": "x" * 4500}
    items = [{"n": n} for n in range(20)]
    dataset_id = emulator.create_dataset([*items, large, *items])
    with pytest.raises(ApifyTooLargeError, match=f"item 20 .* dataset {dataset_id} .* 4,000 bytes.*`omit`"):
        to_local(dataset_id, tmp_path / f"out.{suffix}", **selection)
    assert not list(tmp_path.iterdir())
    to_local(dataset_id, tmp_path / f"out.{suffix}", omit="text", **selection)


SHORTENING = [{"clean": True}, {"skip_empty": True}, {"unwind": "list"}, {"view": "overview"}]


def shortened(emulator: Emulator) -> str:
    items = [{"n": n, "list": [1, 2], "t": "x" * 9} for n in range(300)]
    dataset_id = emulator.create_dataset(items)
    emulator.platform.datasets[dataset_id].schema = {
        "views": {"overview": {"transformation": {"fields": ["n"]}, "display": {}}}
    }
    return dataset_id


@pytest.mark.parametrize("selection", SHORTENING, ids=lambda selection: next(iter(selection)))
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv"])
def test_a_cut_that_only_the_connection_tells_loses_no_row(
    emulator: Emulator, tmp_path: Path, selection: Any, encoding: str, suffix: str
) -> None:
    dataset_id = shortened(emulator)
    to_local(dataset_id, tmp_path / f"calm.{suffix}", **selection)
    to_local(dataset_id, tmp_path / "lines.jsonl", **selection)
    lines = (tmp_path / "lines.jsonl").read_bytes()
    cut_at = lines.index(b"\n", len(lines) // 3) + 1 if encoding == "identity" else 200
    emulator.faults.add(Fault(path=ITEMS_PATH, request_headers={"Accept-Encoding": encoding}))
    cut = emulator.faults.add(Fault(path=ITEMS_PATH, calls=(1, 2), unframed=True, cut_at=cut_at))
    to_local(dataset_id, tmp_path / f"out.{suffix}", **selection)
    assert cut.fired == 2
    open_file = gzip.open if suffix.endswith(".gz") else open
    with open_file(tmp_path / f"calm.{suffix}") as calm, open_file(tmp_path / f"out.{suffix}") as out:
        assert out.read() == calm.read()


def test_what_nothing_proves_to_be_whole_fails_the_task(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = shortened(emulator)
    store_id = emulator.create_key_value_store({"n": b"1234"})
    emulator.faults.add(Fault(unframed=True))
    # Compressed, or counted, rows prove themselves.
    to_local(dataset_id, tmp_path / "clean.jsonl", clean=True, expected_rows=300)
    to_local(dataset_id, tmp_path / "all.jsonl", expected_rows=300)
    emulator.faults.add(Fault(request_headers={"Accept-Encoding": "identity"}))
    to_local(dataset_id, tmp_path / "all.csv", expected_rows=300)
    target = tmp_path / "target"
    for export in (
        lambda: to_local(dataset_id, target / "out.jsonl", clean=True),
        lambda: ApifyHook().get_items(dataset_id, format="jsonl"),
        lambda: ApifyHook().get_record(store_id, "n"),
        lambda: KeyValueStoreToLocalOperator(
            task_id="land", key_value_store_id=store_id, path=str(target)
        ).execute({}),
    ):
        with pytest.raises(ApifyServerError, match="nothing marks its end"):
            export()
    assert not list(target.iterdir())


def test_an_empty_answer_that_was_cut_is_not_taken_for_the_end(emulator: Emulator, tmp_path: Path) -> None:
    emulator.switches.stale_total, emulator.switches.stale_seconds = "zero", 1e9
    dataset_id = emulator.create_dataset([{"n": n} for n in range(30)])
    emulator.faults.add(Fault(path=ITEMS_PATH, calls=(1, 2), unframed=True, cut_at=0))
    to_local(dataset_id, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 30


@pytest.mark.parametrize("selection", [{}, *SHORTENING], ids=lambda selection: next(iter(selection), "all"))
@pytest.mark.parametrize("query", [{"offset": None}, {"limit": None}, {"desc": "1"}])
def test_a_cache_that_overlooks_parameters_repeats_no_row(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selection: Any, query: Any
) -> None:
    set_page_bytes(monkeypatch, 2000, first_items=50, chunk_bytes=3000, stream=False)
    dataset_id = shortened(emulator)
    to_local(dataset_id, tmp_path / "calm.jsonl", **selection)
    some = emulator.faults.add(Fault(path=ITEMS_PATH, calls=(1, 3, 4, 7), query=query))
    to_local(dataset_id, tmp_path / "out.jsonl", **selection)
    assert some.fired == 4
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "calm.jsonl").read_bytes()
    emulator.faults.add(Fault(path=ITEMS_PATH, query=query))
    with pytest.raises(ApifyServerError, match="answers another question"):
        to_local(dataset_id, tmp_path / "never.jsonl", offset=5, limit=200, **selection)
    assert not (tmp_path / "never.jsonl").exists()


@pytest.mark.parametrize("suffix", ["xml", "csv"])
def test_a_cache_that_overlooks_the_offset_is_found_in_every_format(
    emulator: Emulator, tmp_path: Path, suffix: str
) -> None:
    dataset_id = shortened(emulator)
    emulator.faults.add(Fault(path=ITEMS_PATH, query={"offset": None}))
    with pytest.raises(ApifyServerError, match="answers another question"):
        to_local(dataset_id, tmp_path / f"out.{suffix}", offset=5)
    with pytest.raises(ApifyServerError, match="answers another question"):
        ApifyHook().get_items(dataset_id, offset=5, format=suffix)
    for desc in (True, False):
        assert len(ApifyHook().get_items(dataset_id, desc=desc, limit=7).items()) == 7


def test_rows_beyond_the_limit_fail_the_task(emulator: Emulator, tmp_path: Path) -> None:
    silent = {f"X-Apify-Pagination-{name}": None for name in ("Offset", "Limit", "Desc", "Count", "Total")}
    dataset_id = shortened(emulator)
    emulator.faults.add(Fault(path=ITEMS_PATH, headers=silent))
    # Headers that are not there are not missed.
    to_local(dataset_id, tmp_path / "calm.jsonl", limit=20, expected_rows=20)
    emulator.faults.add(Fault(path=ITEMS_PATH, query={"limit": "30"}))
    with pytest.raises(ApifyDataError, match="gave 30 rows for the 20 items from 0 on"):
        to_local(dataset_id, tmp_path / "out.jsonl", limit=20)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("body", [b"{}", b"{}\n", b'{"a":1}\n{"b":{}}'])
def test_rows_are_counted_with_and_without_a_last_line_end(body: bytes) -> None:
    page = whole_page(body)
    assert page.rows == body.strip().count(b"\n") + 1 == count_rows(page.data)
    assert page.data == body.rstrip(b"\n") + b"\n"


@pytest.mark.parametrize(
    "body", [b"<p>", b"[]\n", b"null\n", b'{"a":{}', b"{}\n{", b"\n", b"{}\n\n", b"{}\r\n", b"{}\n[]\n"]
)
def test_what_are_no_whole_rows_is_not_counted(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        whole_page(body)
