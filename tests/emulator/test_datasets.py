from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from typing import Any
from xml.etree import ElementTree

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from airflow_provider_apify.emulator import Emulator
from tests.emulator.conftest import Http, error_of

ITEMS: list[dict[str, Any]] = [
    {"url": "a", "n": 1, "#debug": "x", "tags": ["p", "q"], "price": {"usd": 1.5, "eur": None}},
    {},
    {"#debug": "only hidden"},
    {"url": 'b,"c"\nd', "n": None, "children": [{"k": 1}, {"k": 2, "url": "inner"}, 3]},
]


@pytest.fixture
def path(emulator: Emulator) -> str:
    return f"/v2/datasets/{emulator.create_dataset(ITEMS)}/items"


def read(http: Http, path: str, **query: Any) -> Any:
    return http("GET", path, params=query).json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ITEMS),
        ({"offset": 1, "limit": 2}, ITEMS[1:3]),
        ({"offset": 99}, []),
        ({"limit": 0}, []),
        ({"desc": 1, "limit": 1}, ITEMS[3:]),
        ({"desc": "true", "offset": 1, "limit": 2}, [ITEMS[2], ITEMS[1]]),
        ({"skipEmpty": 1}, [ITEMS[0], ITEMS[2], ITEMS[3]]),
        ({"skipHidden": 1, "offset": 1, "limit": 2}, [{}, {}]),
        ({"clean": 1, "fields": "url,#debug"}, [{"url": "a"}, {"url": ITEMS[3]["url"]}]),
        ({"fields": "n,url", "limit": 1}, [{"n": 1, "url": "a"}]),
        ({"fields": "n,url", "outputFields": "number,link", "limit": 1}, [{"number": 1, "link": "a"}]),
        ({"fields": "n,url", "omit": "url", "limit": 1}, [{"n": 1}]),
        ({"unwind": "tags", "fields": "n,tags", "limit": 1}, [{"n": 1, "tags": "p"}, {"n": 1, "tags": "q"}]),
        ({"unwind": "price", "fields": "n,price", "limit": 1}, [{"n": 1, "usd": 1.5, "eur": None}]),
        (
            {"unwind": "children", "fields": "url,children", "offset": 3},
            [
                {"url": ITEMS[3]["url"], "k": 1},
                {"url": "inner", "k": 2},
                {"url": ITEMS[3]["url"], "children": 3},
            ],
        ),
        ({"unwind": "nothing", "limit": 1}, ITEMS[:1]),
        ({"flatten": "price", "fields": "price", "limit": 1}, [{"price.usd": 1.5, "price.eur": None}]),
    ],
)
def test_shapes(http: Http, path: str, query: dict[str, Any], expected: list[Any]) -> None:
    assert read(http, path, **query) == expected
    lines = http("GET", path, params={**query, "format": "jsonl"}).text
    assert [json.loads(line) for line in lines.splitlines()] == expected


def test_order_of_fields_is_that_of_the_parameter(http: Http, path: str) -> None:
    assert list(read(http, path, fields="url,n", limit=1)[0]) == ["url", "n"]


def test_legacy_parameters(http: Http, emulator: Emulator) -> None:
    pages = [
        {"url": "a", "other": 1, "pageFunctionResult": [{"x": 1}, {"x": 2}]},
        {"url": "b", "errorInfo": "no"},
    ]
    path = f"/v2/datasets/{emulator.create_dataset(pages)}/items"
    assert read(http, path, simplified=1) == [
        {"url": "a", "x": 1},
        {"url": "a", "x": 2},
        {"url": "b", "errorInfo": "no"},
    ]
    assert len(read(http, path, skipFailedPages=1)) == 1


def test_pagination_headers_count_rows_scanned(http: Http, path: str) -> None:
    answer = http("GET", path, params={"clean": 1, "offset": 1, "limit": 2})
    assert answer.json() == []
    names = ("Offset", "Limit", "Count", "Total", "Desc")
    assert [answer.headers[f"X-Apify-Pagination-{name}"] for name in names] == ["1", "2", "2", "4", "false"]
    unlimited = http("HEAD", path)
    assert unlimited.headers["X-Apify-Pagination-Limit"] == "999999999999"
    assert unlimited.headers["X-Apify-Pagination-Count"] == "4"
    assert unlimited.content == b""


def test_pagination_may_count_otherwise_and_be_capped(http: Http, emulator: Emulator, path: str) -> None:
    emulator.switches.pagination_count = "returned"
    for query, count in ((("clean", 1), 2), (("unwind", "tags"), 5), (("limit", 2), 2)):
        assert http("GET", path, params=[query]).headers["X-Apify-Pagination-Count"] == str(count)
    emulator.switches.max_items_per_request = 3
    answer = http("GET", path)
    assert (len(answer.json()), answer.headers["X-Apify-Pagination-Limit"]) == (3, "3")


def test_csv(http: Http, path: str) -> None:
    answer = http("GET", path, params={"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf#debug,")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert list(rows[0]) == sorted(rows[0])
    assert len(rows) == 4
    assert (rows[0]["price/usd"], rows[0]["price/eur"], rows[0]["tags/1"]) == ("1.5", "", "q")
    assert rows[3]["url"] == ITEMS[3]["url"]
    assert rows[3]["children/1/url"] == "inner"


def test_csv_options(http: Http, path: str) -> None:
    query = {"format": "csv", "fields": "url,n", "delimiter": ";", "bom": 0, "skipHeaderRow": 1, "limit": 1}
    assert http("GET", path, params=query).content == b"a;1\n"


def test_tables_of_nothing_are_an_error(http: Http, emulator: Emulator) -> None:
    dataset = emulator.create_dataset([{}])
    for name in ("csv", "xlsx", "html"):
        answer = http("GET", f"/v2/datasets/{dataset}/items?format={name}")
        assert error_of(answer) == (400, "no-columns-in-exported-dataset")


def test_xlsx(http: Http, path: str) -> None:
    answer = http("GET", path, params={"format": "xlsx", "fields": "url,n"})
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert list(sheet.iter_rows(values_only=True))[:2] == [("url", "n"), ("a", 1)]


def test_html(http: Http, path: str) -> None:
    text = http("GET", path, params={"format": "html", "fields": "url"}).text
    assert "<th>url</th>" in text
    assert "<td>b,&quot;c&quot;" in text


def test_xml(http: Http, emulator: Emulator) -> None:
    dataset = emulator.create_dataset(
        [
            {
                "name": "P & Q",
                "address": [{"@": {"type": "home"}, "city": "Oslo"}, {"@": {"type": "work"}, "#": "?"}],
            },
            {"none": None, "1 bad tag": "\x00"},
        ]
    )
    text = http("GET", f"/v2/datasets/{dataset}/items?format=xml&xmlRoot=rows&xmlRow=row").text
    root = ElementTree.fromstring(text)
    assert root.tag == "rows"
    first, second = root.findall("row")
    assert first.findtext("name") == "P & Q"
    assert [address.get("type") for address in first.findall("address")] == ["home", "work"]
    assert [address.text for address in first.findall("address")] == [None, "?"]
    assert second.find("none") is not None


def test_rss(http: Http, path: str) -> None:
    text = http("GET", path, params={"format": "rss", "feedTitle": "News", "fields": "url"}).text
    channel = ElementTree.fromstring(text).find("channel")
    assert channel is not None
    assert channel.findtext("title") == "News"
    assert len(channel.findall("item")) == 4


def test_attachment(http: Http, path: str) -> None:
    assert "attachment" in http("GET", path, params={"attachment": 1}).headers["Content-Disposition"]


@pytest.mark.parametrize(
    "query",
    [
        "offset=-1",
        "limit=x",
        "desc=maybe",
        "format=pdf",
        "fields=a&outputFields=b,c",
        "outputFields=b",
        "delimiter=ab",
        "limit=1.5",
    ],
)
def test_bad_parameters(http: Http, path: str, query: str) -> None:
    assert error_of(http("GET", f"{path}?{query}")) == (400, "invalid-value")


def test_odd_but_legal_text(http: Http, emulator: Emulator) -> None:
    path = f"/v2/datasets/{emulator.create_dataset()}/items"
    body = rb'[{"half": "\ud800", "line": "\u2028\n\u0000", "=1+1": "@x"}]'
    assert http("POST", path, data=body, headers={"Content-Type": "application/json"}).status_code == 201
    assert http("GET", f"{path}?format=jsonl").content.count(b"\n") == 1
    assert read(http, path) == json.loads(body)
    for name in ("csv", "html", "xml", "rss", "xlsx"):
        assert http("GET", f"{path}?format={name}").status_code == 200, name
    headers = {"Content-Type": "application/json"}
    assert error_of(http("POST", path, data=b'{"n": NaN}', headers=headers)) == (400, "invalid-request")


def test_views(http: Http, emulator: Emulator) -> None:
    dataset = http.data(
        "POST", "/v2/datasets", json={"schema": {"views": {"short": {"transformation": {"fields": ["n"]}}}}}
    )["id"]
    http("POST", f"/v2/datasets/{dataset}/items", json=ITEMS)
    assert read(http, f"/v2/datasets/{dataset}/items", view="short", limit=1) == [{"n": 1}]
    answer = http("GET", f"/v2/datasets/{dataset}/items?view=long")
    assert error_of(answer) == (400, "requested-dataset-view-does-not-exist")


def test_a_push_is_all_or_nothing(http: Http) -> None:
    schema = {"fields": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}
    dataset = http.data("POST", "/v2/datasets", json={"schema": schema})["id"]
    path = f"/v2/datasets/{dataset}/items"
    answer = http("POST", path, json=[{"n": 1}, {"n": "x"}, {}])
    assert error_of(answer) == (400, "schema-validation-error")
    invalid = answer.json()["error"]["data"]["invalidItems"]
    assert [item["itemPosition"] for item in invalid] == [1, 2]
    assert invalid[0]["validationErrors"][0]["instancePath"] == "/n"
    assert invalid[0]["validationErrors"][0]["keyword"] == "type"
    assert read(http, path) == []
    accepted = http("POST", path, json={"n": 1})
    assert (accepted.status_code, accepted.json()) == (201, {})
    assert error_of(http("POST", path, json=[1])) == (400, "invalid-request")


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress), ("identity", bytes)],
)
def test_compressed_bodies(http: Http, path: str, encoding: str, compress: Any) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    assert http("POST", path, data=compress(b'[{"n": 7}]'), headers=headers).status_code == 201
    assert read(http, path, desc=1, limit=1) == [{"n": 7}]


def test_unknown_encodings_and_large_bodies_are_refused(http: Http, path: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "zstd"}
    assert error_of(http("POST", path, data=b"x", headers=headers)) == (415, "unsupported-content-encoding")
    answer = http("POST", path, data=b"[" + b" " * 9_437_184 + b"]")
    assert error_of(answer) == (413, "request-too-large")
    assert "limit: 9437184 bytes, actual length: 9437186 bytes" in answer.json()["error"]["message"]


def test_answers_are_compressed_for_who_accepts_it(http: Http, emulator: Emulator) -> None:
    dataset = emulator.create_dataset([{"text": "x" * 10_000}])
    path = f"/v2/datasets/{dataset}/items"
    for encoding in ("gzip", "deflate"):
        for format in ("json", "jsonl", "csv"):
            answer = http("GET", f"{path}?format={format}", headers={"Accept-Encoding": encoding})
            assert answer.headers["Content-Encoding"] == encoding
            assert "x" * 10_000 in answer.text
    plain = http("GET", f"{path}?format=jsonl", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert int(plain.headers["Content-Length"]) == len(plain.content)
    refused = http("GET", f"{path}?format=jsonl", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_totals_may_lag(http: Http, emulator: Emulator) -> None:
    dataset = emulator.create_dataset()
    path = f"/v2/datasets/{dataset}"
    emulator.clock.advance(10)
    http("POST", f"{path}/items", json=[{"n": 1}])
    emulator.clock.advance(10)
    http("POST", f"{path}/items", json=[{"n": 2}])
    for position, total in (("zero", 0), ("stale", 1), ("exact", 2)):
        emulator.switches.stale_total = position  # type: ignore[assignment]
        assert http.data("GET", path)["itemCount"] == total
        answer = http("GET", f"{path}/items")
        assert answer.headers["X-Apify-Pagination-Total"] == str(total)
        assert len(answer.json()) == 2
    emulator.switches.stale_total = "zero"
    emulator.clock.advance(5)
    assert http.data("GET", path)["itemCount"] == 2


def test_bulk_loading_equals_pushing(http: Http, emulator: Emulator) -> None:
    lines = b"".join(json.dumps(item).encode() + b"\n" for item in ITEMS)
    loaded, pushed = emulator.create_dataset(lines.rstrip(b"\n")), emulator.create_dataset(ITEMS)
    first, second = (http.data("GET", f"/v2/datasets/{one}") for one in (loaded, pushed))
    for name in ("itemCount", "cleanItemCount", "fields"):
        assert first[name] == second[name]
    assert first["cleanItemCount"] == 2
    assert read(http, f"/v2/datasets/{loaded}/items") == ITEMS


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
rows = st.lists(st.dictionaries(st.sampled_from(["a", "b", "#c", "d"]), values), max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.integers(0, 14), st.integers(0, 14) | st.none(), st.booleans(), st.booleans())
def test_any_page_of_any_items(
    http: Http,
    emulator: Emulator,
    items: list[dict[str, Any]],
    offset: int,
    limit: int | None,
    desc: bool,
    clean: bool,
) -> None:
    half = len(items) // 2
    dataset = emulator.create_dataset(items[:half])
    http("POST", f"/v2/datasets/{dataset}/items", json=items[half:])
    query = {"offset": offset, "desc": desc, "clean": clean, **({} if limit is None else {"limit": limit})}
    query = {name: str(value).lower() for name, value in query.items()}
    page = (items[::-1] if desc else items)[offset:][:limit]
    if clean:
        page = [{name: value for name, value in item.items() if not name.startswith("#")} for item in page]
        page = [item for item in page if item]
    assert read(http, f"/v2/datasets/{dataset}/items", **query) == page
    lines = http("GET", f"/v2/datasets/{dataset}/items", params={**query, "format": "jsonl"}).content
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == page
