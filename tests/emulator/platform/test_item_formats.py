from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

from openpyxl import load_workbook

from airflow_provider_apify.emulator import Emulator
from tests.emulator.dataset_items import ITEMS, read_items
from tests.emulator.http_client import HttpClient, error_of


def test_csv_has_sorted_columns_and_quoted_cells(http: HttpClient, items_path: str) -> None:
    answer = http("GET", items_path, params={"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf#debug,")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert list(rows[0]) == sorted(rows[0])
    assert len(rows) == 4
    assert (rows[0]["price/usd"], rows[0]["price/eur"], rows[0]["tags/1"]) == ("1.5", "", "q")
    assert rows[3]["url"] == ITEMS[3]["url"]
    assert rows[3]["children/1/url"] == "inner"


def test_csv_options_change_delimiter_header_and_byte_order_mark(http: HttpClient, items_path: str) -> None:
    query = {"format": "csv", "fields": "url,n", "delimiter": ";", "bom": 0, "skipHeaderRow": 1, "limit": 1}
    assert http("GET", items_path, params=query).content == b"a;1\n"


def test_tables_without_columns_are_refused(http: HttpClient, emulator: Emulator) -> None:
    dataset = emulator.create_dataset([{}])
    for name in ("csv", "xlsx", "html"):
        answer = http("GET", f"/v2/datasets/{dataset}/items?format={name}")
        assert error_of(answer) == (400, "no-columns-in-exported-dataset")


def test_xlsx_has_a_header_and_rows(http: HttpClient, items_path: str) -> None:
    answer = http("GET", items_path, params={"format": "xlsx", "fields": "url,n"})
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert list(sheet.iter_rows(values_only=True))[:2] == [("url", "n"), ("a", 1)]


def test_html_is_escaped(http: HttpClient, items_path: str) -> None:
    text = http("GET", items_path, params={"format": "html", "fields": "url"}).text
    assert "<th>url</th>" in text
    assert "<td>b,&quot;c&quot;" in text


def test_xml_has_attributes_lists_and_legal_tags(http: HttpClient, emulator: Emulator) -> None:
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


def test_rss_is_a_channel_of_items(http: HttpClient, items_path: str) -> None:
    text = http("GET", items_path, params={"format": "rss", "feedTitle": "News", "fields": "url"}).text
    channel = ElementTree.fromstring(text).find("channel")
    assert channel is not None
    assert channel.findtext("title") == "News"
    assert len(channel.findall("item")) == 4


def test_odd_but_legal_text_survives_every_format(http: HttpClient, emulator: Emulator) -> None:
    path = f"/v2/datasets/{emulator.create_dataset()}/items"
    body = rb'[{"half": "\ud800", "line": "\u2028\n\u0000", "=1+1": "@x"}]'
    assert http("POST", path, data=body, headers={"Content-Type": "application/json"}).status_code == 201
    assert http("GET", f"{path}?format=jsonl").content.count(b"\n") == 1
    assert read_items(http, path) == json.loads(body)
    for name in ("csv", "html", "xml", "rss", "xlsx"):
        assert http("GET", f"{path}?format={name}").status_code == 200, name
    headers = {"Content-Type": "application/json"}
    assert error_of(http("POST", path, data=b'{"n": NaN}', headers=headers)) == (400, "invalid-request")
