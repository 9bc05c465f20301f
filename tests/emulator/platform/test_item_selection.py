from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_apify.emulator import Emulator
from tests.emulator.dataset_items import ITEMS, read_items
from tests.emulator.http_client import HttpClient, error_of


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
def test_parameters_select_items_and_fields(
    http: HttpClient, items_path: str, query: dict[str, Any], expected: list[Any]
) -> None:
    assert read_items(http, items_path, **query) == expected
    lines = http("GET", items_path, params={**query, "format": "jsonl"}).text
    assert [json.loads(line) for line in lines.splitlines()] == expected


def test_fields_come_in_the_order_of_the_parameter(http: HttpClient, items_path: str) -> None:
    assert list(read_items(http, items_path, fields="url,n", limit=1)[0]) == ["url", "n"]


def test_legacy_parameters_simplify_items_and_skip_failed_pages(http: HttpClient, emulator: Emulator) -> None:
    pages: list[dict[str, Any]] = [
        {"url": "a", "other": 1, "pageFunctionResult": [{"x": 1}, {"x": 2}]},
        {"url": "b", "errorInfo": "no"},
    ]
    path = f"/v2/datasets/{emulator.create_dataset(pages)}/items"
    assert read_items(http, path, simplified=1) == [
        {"url": "a", "x": 1},
        {"url": "a", "x": 2},
        {"url": "b", "errorInfo": "no"},
    ]
    assert len(read_items(http, path, skipFailedPages=1)) == 1


def test_a_view_of_the_dataset_schema_selects_fields(http: HttpClient) -> None:
    dataset = http.data(
        "POST", "/v2/datasets", json={"schema": {"views": {"short": {"transformation": {"fields": ["n"]}}}}}
    )["id"]
    http("POST", f"/v2/datasets/{dataset}/items", json=ITEMS)
    assert read_items(http, f"/v2/datasets/{dataset}/items", view="short", limit=1) == [{"n": 1}]
    answer = http("GET", f"/v2/datasets/{dataset}/items?view=long")
    assert error_of(answer) == (400, "requested-dataset-view-does-not-exist")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


rows = st.lists(st.dictionaries(st.sampled_from(["a", "b", "#c", "d"]), values), max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.integers(0, 14), st.integers(0, 14) | st.none(), st.booleans(), st.booleans())
def test_any_page_of_any_items_is_exact(
    http: HttpClient,
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
    wanted = {"offset": offset, "desc": desc, "clean": clean, "limit": limit}
    query = {name: str(value).lower() for name, value in wanted.items() if value is not None}
    page = (items[::-1] if desc else items)[offset:][:limit]
    if clean:
        page = [{name: value for name, value in item.items() if not name.startswith("#")} for item in page]
        page = [item for item in page if item]
    assert read_items(http, f"/v2/datasets/{dataset}/items", **query) == page
    lines = http("GET", f"/v2/datasets/{dataset}/items", params={**query, "format": "jsonl"}).content
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == page
