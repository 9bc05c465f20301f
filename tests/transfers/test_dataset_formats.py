"""Each format holds the same rows, whatever their values."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
import zipfile
from functools import partial
from pathlib import Path
from random import randbytes
from typing import Any

import brotli
import pytest

from airflow_provider_apify.api import http_client
from airflow_provider_apify.api.errors import ApifyDataError, ApifyTooLargeError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.export.formats.csv import CsvEncoder, CsvOptions
from airflow_provider_apify.export.formats.parquet import ParquetEncoder
from tests.support.exports import ITEMS_PATH, parse_lines, ragged_items, to_local

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


@pytest.mark.parametrize("name", ["out.json", "out.jsonl.gz", "out.json.gz"])
@pytest.mark.parametrize("count", [0, 1, 300])
@pytest.mark.usefixtures("small_pages")
def test_json_and_gzip_hold_all_rows(emulator: Emulator, tmp_path: Path, name: str, count: int) -> None:
    result = to_local(emulator.create_dataset(ragged_items(count)), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    plain = gzip.decompress(data) if name.endswith(".gz") else data
    assert (json.loads(plain) if ".jsonl" not in name else parse_lines(plain)) == ragged_items(count)
    assert (result["rows"], result["bytes"]) == (count, len(data))


def test_an_empty_dataset_becomes_an_empty_file(emulator: Emulator, tmp_path: Path) -> None:
    for name, content in {"a.csv": b"", "a.jsonl": b"", "a.json": b"[]"}.items():
        assert to_local(emulator.create_dataset(), tmp_path / name)["rows"] == 0
        assert (tmp_path / name).read_bytes() == content


def test_an_empty_compressed_file_is_a_gzip_file(emulator: Emulator, tmp_path: Path) -> None:
    result = to_local(emulator.create_dataset(), tmp_path / "out.jsonl.gz")
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()) == b""
    assert result["bytes"] == (tmp_path / "out.jsonl.gz").stat().st_size > 0


def flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, item in inner for k, v in flat(item, f"{name}/{key}").items()}
    return {name[1:]: value}


@pytest.mark.usefixtures("small_pages")
def test_csv_has_the_columns_of_all_rows(emulator: Emulator, tmp_path: Path) -> None:
    import pandas as pd

    to_local(emulator.create_dataset(ragged_items(300)), tmp_path / "out.csv")
    frame = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    wanted = [
        {k: "" if v is None else str(v).lower() if v is True else str(v) for k, v in flat(item).items()}
        for item in ragged_items(300)
    ]
    assert list(frame.columns) == sorted({column for row in wanted for column in row})
    assert [{k: v for k, v in row.items() if v} for row in frame.to_dict("records")] == [
        {k: v for k, v in row.items() if v} for row in wanted
    ]


def test_csv_is_what_apify_itself_renders(emulator: Emulator, server: Any, tmp_path: Path) -> None:
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


def test_csv_takes_a_delimiter(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"a": "x\ty", "b": 2}])
    to_local(dataset_id, tmp_path / "out.csv", delimiter="\t")
    assert (tmp_path / "out.csv").read_text() == 'a\tb\n"x\ty"\t2\n'


def test_csv_keeps_numbers_as_they_came(emulator: Emulator, tmp_path: Path) -> None:
    row = b'{"a":NaN,"b":[Infinity,-Infinity],"c":1e999,"d":1.50,"e":-0}\n'
    to_local(emulator.create_dataset(row), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "a,b/0,b/1,c,d,e\nNaN,Infinity,-Infinity,1e999,1.50,-0\n"


def test_a_wide_csv_can_be_read_back(emulator: Emulator, tmp_path: Path) -> None:
    rows = [{f"c{n}": n for n in range(2000)}, {"c7": 7}]
    to_local(emulator.create_dataset(rows), tmp_path / "out.csv")
    read = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [{k: int(v) for k, v in row.items() if v} for row in read] == rows


WIDE: dict[str, list[Any]] = {
    "fields": [{f"c{n}": n for n in range(2001)}],
    "fields of objects": [{"a": {"b": {f"c{n}": n for n in range(2001)}}}],
    "fields of elements": [{"a": [{f"c{n}": {"d": 1, "e": 2} for n in range(1000)}, {"x": 1}]}],
    "fields of many rows": [{f"c{n}": n} for n in range(2001)],
    "elements": [{"a": [0] * 2001}],
    "elements of elements": [{"a": [[0] * 50] * 41}],
}


@pytest.mark.usefixtures("no_first_stream")
@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in ("out.csv", "out.parquet") for kind in WIDE]
)
def test_more_columns_than_a_table_may_have_fail_the_task(
    emulator: Emulator, tmp_path: Path, name: str, kind: str
) -> None:
    dataset_id = emulator.create_dataset(WIDE[kind])
    if name == "out.parquet" and kind.startswith("elements"):
        # There an array is one column, however long.
        to_local(dataset_id, tmp_path / name)
        return
    told = f"{dataset_id} have more than 2,000 columns.* `fields`.* `omit`.* `jsonl`"
    with pytest.raises(ApifyDataError, match=told):
        to_local(dataset_id, tmp_path / name, limit=len(WIDE[kind]))
    assert not list(tmp_path.iterdir())
    to_local(dataset_id, tmp_path / "out.jsonl")
    if name == "out.csv":
        to_local(dataset_id, tmp_path / name, omit=["a", "c0"])


@pytest.mark.usefixtures("no_first_stream")
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_name_that_is_too_long_for_a_column_fails_the_task(
    emulator: Emulator, tmp_path: Path, name: str
) -> None:
    fits = emulator.create_dataset([{"K" * 1000: {"c" * 999: 1}}, {"x" * 2000: 1}])
    to_local(fits, tmp_path / name)
    for row in ({"K" * 1000: [{"c" * 1000: 1}]}, {"x": 1, "K" * 2001: 1}, {"K" * 3000: {"c": 1, "d": 2}}):
        dataset_id = emulator.create_dataset([row])
        told = f"{dataset_id} have a column whose name, .* more than 2,000 .* `fields`.* `omit`.* `jsonl`"
        with pytest.raises(ApifyDataError, match=told):
            to_local(dataset_id, tmp_path / f"not-{name}", limit=1)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.usefixtures("no_first_stream")
def test_objects_with_other_names_each_are_no_work_for_parquet(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"a": [{f"k{n}": n} for n in range(20_000)]}])
    began = time.process_time()
    with pytest.raises(ApifyDataError, match="more than 2,000 columns"):
        to_local(dataset_id, tmp_path / "out.parquet", limit=1)
    assert time.process_time() - began < 3


def test_rows_with_few_cells_take_no_memory_for_many_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr("airflow_provider_apify.export.formats.csv._BLOCK_CHARACTERS", 1000)
    monkeypatch.setattr("airflow_provider_apify.export.formats.parquet._ROW_GROUP_CELLS", 1000)
    page = json.dumps(dict.fromkeys("abcdefghij", 1)).encode() + b"\n" + b"{}\n" * 249
    encoders = {"csv": CsvEncoder(CsvOptions()), "parquet": ParquetEncoder()}
    blocks = {}
    for name, encoder in encoders.items():
        encoder.inspect(page)
        blocks[name] = list(encoder.encode([page]))
    assert max(map(len, blocks["csv"])) <= 1010
    assert b"".join(blocks["csv"]).count(b",,,,,,,,,\n") == 249
    with pq.ParquetFile(io.BytesIO(b"".join(blocks["parquet"]))) as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        assert groups == [100, 100, 50]
        assert file.read().to_pylist()[0] == dict.fromkeys("abcdefghij", 1)


def nested(levels: int) -> bytes:
    return b'{"n":1,"deep":' + b'{"a":[' * (levels // 2) + b"1" + b"]}" * (levels // 2) + b"}\n"


@pytest.mark.usefixtures("small_pages", "no_first_stream")
def test_a_row_that_is_nested_too_deep_for_csv_is_named(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset(nested(200) * 217 + nested(202))
    with pytest.raises(ApifyDataError, match=rf"Row 217 \(from 0\) .*{dataset_id}.* 200 levels.*`jsonl`"):
        to_local(dataset_id, tmp_path / "out.csv", limit=218)
    assert not list(tmp_path.iterdir())
    to_local(dataset_id, tmp_path / "out.csv", limit=217)


@pytest.mark.parametrize("levels", [36, 44, 700])
def test_parquet_of_any_depth_can_be_read_back(emulator: Emulator, tmp_path: Path, levels: int) -> None:
    import pyarrow.parquet as pq

    to_local(emulator.create_dataset(nested(levels) * 2), tmp_path / "out.parquet")
    value = pq.read_table(tmp_path / "out.parquet").to_pylist()[1]["deep"]
    depth = 0
    while isinstance(value, (dict, list, str)):
        value = (
            json.loads(value)
            if isinstance(value, str)
            else next(iter(value.values() if isinstance(value, dict) else value))
        )
        depth += isinstance(value, (dict, list))
    assert (depth, value) == (levels - 1, 1)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_half_a_character_becomes_a_replacement_character(
    emulator: Emulator, tmp_path: Path, name: str
) -> None:
    import pandas as pd

    dataset_id = emulator.create_dataset(b'{"t":"cut \\ud83d"}\n{"t":"\\ud83d\\ude00 \\\\ud83d"}\n')
    to_local(dataset_id, tmp_path / name)
    frame = (pd.read_csv if name == "out.csv" else pd.read_parquet)(tmp_path / name)
    assert list(frame["t"]) == ["cut \ufffd", "😀 \\ud83d"]


@pytest.mark.usefixtures("no_first_stream")
@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        ("out.csv", b'{"price":{"amount":10},"price/amount":1}', "column 'price/amount'"),
        ("out.csv", b'{"c/0":1,"c":[2]}', "column 'c/0'"),
        ("out.csv", b'{"a":{"x":{"":1},"x/":null}}', "column 'a/x/'"),
        ("out.csv", b'{"a":[{"\\ud800":1,"\\ud801":2}]}', "half a character"),
        ("out.parquet", b'{"\\ud800":1,"\\ufffd":2}', "half a character"),
    ],
)
def test_two_values_of_a_row_never_share_a_column(
    emulator: Emulator, tmp_path: Path, name: str, row: bytes, told: str
) -> None:
    # The same name of other rows, a name twice in an object, and an empty object lose nothing.
    harmless = b'{"price":{"amount":1}}\n{"price/amount":2,"c":{},"c/":0}\n{"a":0,"a":1,"\\ud800":2}\n'
    to_local(emulator.create_dataset(harmless), tmp_path / name)
    dataset_id = emulator.create_dataset(harmless + row + b"\n")
    with pytest.raises(ApifyDataError, match=rf"Row 3 \(from 0\) .*{dataset_id}.*{told}.*`omit`.*`jsonl`"):
        to_local(dataset_id, tmp_path / name, replace=True, limit=4)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([2**53 + 1, 1], [2**53 + 1, 1]),
        ([2**53 + 1, 0.5], [str(2**53 + 1), "0.5"]),
        ([2**64, 2**53 + 1], [str(2**64), str(2**53 + 1)]),
        ([2**63, 1], [str(2**63), "1"]),
        ([7, 0.5], [7.0, 0.5]),
        ([[1], ["x"], []], [["1"], ["x"], []]),
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


def count_xlsx(data: bytes) -> Any:
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
def test_a_rendered_file_holds_all_rows(emulator: Emulator, tmp_path: Path, name: str, count: Any) -> None:
    rows = [{"n": n, "text": "<tr><item>"} for n in range(300)]
    emulator.faults.add(Fault("alter", "GET", ITEMS_PATH, (2, 3), cut_at=1000))
    result = to_local(emulator.create_dataset(rows), tmp_path / name)
    assert result["rows"] == count((tmp_path / name).read_bytes()) == 300
    assert to_local(result["dataset_id"], tmp_path / f"part-{name}", offset=10, limit=20)["rows"] == 20


def test_a_format_that_apify_cannot_render_names_the_others(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{f"c{n}": n for n in range(2001)}])
    with pytest.raises(ApifyDataError, match=r"cannot make html .* Use `jsonl` instead"):
        to_local(dataset_id, tmp_path / "out.html")
    to_local(dataset_id, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_rendered_file_that_is_not_complete_fails_the_task(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"n": n} for n in range(3)])
    body = "<items><item><n>0</n></item></items>"
    answer = partial(Fault, "answer", "GET", ITEMS_PATH, (2,), 200, content_type="application/xml")
    for cut, message in ((body, "1 rows of the 3 items"), (body[:-4], "not complete")):
        emulator.faults.add(answer(body=cut, headers={"X-Apify-Pagination-Offset": "0"}))
        with pytest.raises(ApifyDataError, match=message):
            to_local(dataset_id, tmp_path / "out.xml")
        emulator.faults.clear()
    emulator.switches.max_items_per_request = 2
    with pytest.raises(ApifyDataError, match="2 rows of the 3 items"):
        to_local(dataset_id, tmp_path / "out.xml", clean=True)
    assert not list(tmp_path.iterdir())


def test_a_few_bytes_of_a_rendered_file_do_not_fill_the_disk(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_INFLATED_BYTES", 1 << 20)
    dataset_id = emulator.create_dataset([{"n": 1}])
    for noise, told in ((5000, ""), (0, "would fill the disk")):
        xml = b"<items><item>%s</item>%s</items>" % (randbytes(noise).hex().encode(), b" " * (3 << 20))
        fault = Fault("answer", "GET", ITEMS_PATH, (2,), 200, content_type="application/octet-stream")
        fault.body = brotli.compress(xml, quality=5).decode(errors="surrogateescape")
        fault.headers = {"Content-Encoding": "br", "X-Apify-Pagination-Offset": "0"}
        emulator.faults.clear()
        emulator.faults.add(fault)
        if not told:
            assert to_local(dataset_id, tmp_path / "out.xml")["rows"] == 1
            assert (tmp_path / "out.xml").read_bytes() == xml
            continue
        with pytest.raises(ApifyTooLargeError, match=f"xml of the dataset {dataset_id} .*{told}.* `jsonl`"):
            to_local(dataset_id, tmp_path / "not.xml")
    assert [path.name for path in tmp_path.iterdir()] == ["out.xml"]


def serve_xlsx(
    emulator: Emulator,
    sheet: str,
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    size: int = 0,
    entries: int = 1,
) -> None:
    """Have the emulator answer with an archive, which may lie about its sheet, or list it often."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as book:
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{sheet}</sheetData></worksheet>")
        book.filelist *= entries
    data = archive.getvalue()
    if size:
        place = data.index(b"PK\x01\x02") + 24
        data = data[:place] + size.to_bytes(4, "little") + data[place + 4 :]
    emulator.faults.clear()
    fault = Fault("answer", "GET", ITEMS_PATH, (2,), 200, body=data.decode(errors="surrogateescape"))
    fault.content_type, fault.headers = "application/x", {"X-Apify-Pagination-Offset": "0"}
    emulator.faults.add(fault)


def test_a_long_tag_in_an_xlsx_is_no_work(emulator: Emulator, tmp_path: Path) -> None:
    dataset_id = emulator.create_dataset([{"n": 1}])
    serve_xlsx(emulator, f'<row/><row a="{"x" * 5_000_000}"/>')
    began = time.process_time()
    assert to_local(dataset_id, tmp_path / "out.xlsx")["rows"] == 1
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sheet": f'<row a="{"x" * 24_000_000}"/>'}, "a tag of more than 16,777,216 bytes"),
        ({"size": (1 << 30) + 1}, "1,073,741,825 bytes"),
        ({"entries": 60_000}, "its directory has 4,[0-9,]+ bytes, more than 4,194,304"),
        ({"size": 1}, "no element found|Bad CRC"),
        ({"compression": zipfile.ZIP_LZMA}, "not compressed as in XLSX"),
        ({"sheet": "<row>"}, "mismatched tag"),
    ],
    ids=["tag", "size", "entries", "other size", "compression", "syntax"],
)
def test_an_xlsx_that_no_reader_should_take_fails_the_task(
    emulator: Emulator, tmp_path: Path, changes: Any, message: str
) -> None:
    dataset_id = emulator.create_dataset([{"n": 1}])
    serve_xlsx(emulator, **{"sheet": "<row/><row/>", **changes})
    with pytest.raises(ApifyDataError, match=f"xlsx .* {dataset_id} .*({message}).* Use `jsonl`"):
        to_local(dataset_id, tmp_path / "out.xlsx")
    assert not list(tmp_path.iterdir())
