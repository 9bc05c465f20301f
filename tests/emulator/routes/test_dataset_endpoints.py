from __future__ import annotations

import json

import pytest

from airflow_provider_apify.emulator import Emulator
from tests.emulator.dataset_items import ITEMS, read_items
from tests.emulator.http_client import HttpClient, error_of


def test_pagination_headers_count_the_items_read(http: HttpClient, items_path: str) -> None:
    answer = http("GET", items_path, params={"clean": 1, "offset": 1, "limit": 2})
    assert answer.json() == []
    names = ("Offset", "Limit", "Count", "Total", "Desc")
    assert [answer.headers[f"X-Apify-Pagination-{name}"] for name in names] == ["1", "2", "2", "4", "false"]
    unlimited = http("HEAD", items_path)
    assert unlimited.headers["X-Apify-Pagination-Limit"] == "999999999999"
    assert unlimited.headers["X-Apify-Pagination-Count"] == "4"
    assert unlimited.content == b""


def test_switches_make_pagination_count_rows_and_cap_pages(
    http: HttpClient, emulator: Emulator, items_path: str
) -> None:
    emulator.switches.pagination_count = "returned"
    for query, count in ((("clean", 1), 2), (("unwind", "tags"), 5), (("limit", 2), 2)):
        assert http("GET", items_path, params=[query]).headers["X-Apify-Pagination-Count"] == str(count)
    emulator.switches.max_items_per_request = 3
    answer = http("GET", items_path)
    assert (len(answer.json()), answer.headers["X-Apify-Pagination-Limit"]) == (3, "3")


def test_an_attachment_is_marked_as_such(http: HttpClient, items_path: str) -> None:
    assert "attachment" in http("GET", items_path, params={"attachment": 1}).headers["Content-Disposition"]


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
def test_bad_parameters_are_refused(http: HttpClient, items_path: str, query: str) -> None:
    assert error_of(http("GET", f"{items_path}?{query}")) == (400, "invalid-value")


def test_a_push_is_all_or_nothing(http: HttpClient) -> None:
    schema = {"fields": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}
    dataset = http.data("POST", "/v2/datasets", json={"schema": schema})["id"]
    path = f"/v2/datasets/{dataset}/items"
    answer = http("POST", path, json=[{"n": 1}, {"n": "x"}, {}])
    assert error_of(answer) == (400, "schema-validation-error")
    invalid = answer.json()["error"]["data"]["invalidItems"]
    assert [item["itemPosition"] for item in invalid] == [1, 2]
    assert invalid[0]["validationErrors"][0]["instancePath"] == "/n"
    assert invalid[0]["validationErrors"][0]["keyword"] == "type"
    assert read_items(http, path) == []
    accepted = http("POST", path, json={"n": 1})
    assert (accepted.status_code, accepted.json()) == (201, {})
    assert error_of(http("POST", path, json=[1])) == (400, "invalid-request")


def test_totals_lag_behind_a_push_if_a_switch_says_so(http: HttpClient, emulator: Emulator) -> None:
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


def test_loaded_json_lines_equal_pushed_items(http: HttpClient, emulator: Emulator) -> None:
    lines = b"".join(json.dumps(item).encode() + b"\n" for item in ITEMS)
    loaded, pushed = emulator.create_dataset(lines.rstrip(b"\n")), emulator.create_dataset(ITEMS)
    first, second = (http.data("GET", f"/v2/datasets/{one}") for one in (loaded, pushed))
    for name in ("itemCount", "cleanItemCount", "fields"):
        assert first[name] == second[name]
    assert first["cleanItemCount"] == 2
    assert read_items(http, f"/v2/datasets/{loaded}/items") == ITEMS
