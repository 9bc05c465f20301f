from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from apify_client import ApifyClient

from airflow_provider_apify.emulator import Emulator, Server
from tests.emulator.conftest import Http, error_of


@pytest.fixture
def other(emulator: Emulator, server: Server) -> Iterator[Http]:
    emulator.add_user("other", "other-token")
    http = Http(server)
    http.session.headers["Authorization"] = "Bearer other-token"
    with http.session:
        yield http


def anonymous(server: Server, path: str, method: str = "GET") -> requests.Response:
    return requests.request(method, server.url + path, timeout=30)


def test_tokens(server: Server, http: Http) -> None:
    assert error_of(anonymous(server, "/v2/users/me")) == (401, "token-not-provided")
    assert error_of(anonymous(server, "/v2/users/me?token=wrong")) == (401, "user-or-token-not-found")
    assert anonymous(server, f"/v2/users/me?token={server.token}").status_code == 200
    assert error_of(anonymous(server, "/v2/actor-runs/x")) == (401, "token-not-provided")
    assert error_of(http("GET", "/v2/nothing/here")) == (404, "page-not-found")
    refused = http("PATCH", "/v2/users/me")
    assert error_of(refused) == (405, "method-not-allowed")
    assert refused.headers["Allow"] == "GET, OPTIONS"


def test_what_is_anothers(http: Http, other: Http, emulator: Emulator) -> None:
    run = http.run()
    for path, status in (
        ("/v2/actors/emulator~crawler", 404),
        ("/v2/actor-tasks/emulator~my-task", 404),
        (f"/v2/actor-runs/{run['id']}", 403),
        (f"/v2/datasets/{run['defaultDatasetId']}", 403),
        (f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/keys", 403),
        (f"/v2/request-queues/{run['defaultRequestQueueId']}", 403),
        (f"/v2/logs/{run['id']}", 403),
    ):
        assert other("GET", path).status_code == status, path
    answer = other("GET", f"/v2/datasets/{run['defaultDatasetId']}/items")
    assert error_of(answer) == (403, "insufficient-permissions")
    assert answer.json()["error"]["message"].startswith("Insufficient permissions for the dataset. Make sure")
    assert other("POST", f"/v2/actor-runs/{run['id']}/abort").status_code == 403
    assert other.data("GET", "/v2/actor-runs")["total"] == 0
    assert other.data("GET", "/v2/datasets?unnamed=1")["total"] == 0


def test_public_actors_are_everybodys(http: Http, other: Http, emulator: Emulator) -> None:
    emulator.actor("apify/scraper")(lambda actor: actor.push_data({"n": 1}))
    assert http.run("apify~scraper")["userId"] == emulator.user.id
    theirs = other.run("apify~scraper")
    assert theirs["status"] == "SUCCEEDED"
    assert http.data("GET", "/v2/actors/apify~scraper/runs")["total"] == 1
    assert [actor["name"] for actor in http.data("GET", "/v2/actors")["items"]] == ["crawler", "scraper"]


def test_general_access(http: Http, server: Server, other: Http, emulator: Emulator) -> None:
    run = http.run()
    path = f"/v2/datasets/{run['defaultDatasetId']}"
    assert error_of(anonymous(server, path)) == (401, "token-not-provided")
    http("PUT", path, json={"generalAccess": "ANYONE_WITH_ID_CAN_READ"})
    shown = anonymous(server, path).json()["data"]
    assert shown["urlSigningSecretKey"] is None
    assert "signature" not in shown["itemsPublicUrl"]
    assert other("GET", f"{path}/items").status_code == 200
    assert other("POST", f"{path}/items", json={}).status_code == 403
    emulator.user.general_access = "ANYONE_WITH_ID_CAN_READ"
    seen = anonymous(server, f"/v2/actor-runs/{run['id']}").json()["data"]
    assert not {"usageTotalUsd", "usageUsd", "usage"} & set(seen)
    assert "usageTotalUsd" in http.data("GET", f"/v2/actor-runs/{run['id']}")
    assert anonymous(server, f"/v2/actor-runs/{run['id']}/key-value-store/records/OUTPUT").status_code == 200
    assert anonymous(server, f"/v2/actor-runs/{run['id']}/abort", "POST").status_code == 401


def test_the_clients_own_signatures(http: Http, client: ApifyClient, emulator: Emulator) -> None:
    dataset = emulator.create_dataset([{"n": 1}])
    lasting = client.dataset(dataset).create_items_public_url()
    assert requests.get(lasting, timeout=30).json() == [{"n": 1}]
    brief = client.dataset(dataset).create_items_public_url(expires_in=timedelta(minutes=1))
    assert requests.get(brief, timeout=30).json() == [{"n": 1}]
    emulator.clock.advance(120)
    assert requests.get(brief, timeout=30).status_code == 403
    assert requests.get(lasting[:-4] + "AAAA", timeout=30).status_code == 403
    store = emulator.create_key_value_store({"a": b"1"})
    assert requests.get(client.key_value_store(store).get_record_public_url("a"), timeout=30).content == b"1"
    keys = client.key_value_store(store).create_keys_public_url()
    assert requests.get(keys, timeout=30).json()["data"]["count"] == 1
    listed = client.dataset(dataset).list_items(signature=lasting.partition("signature=")[2])
    assert listed.items == [{"n": 1}]


def test_names(http: Http, emulator: Emulator) -> None:
    first = http("POST", "/v2/datasets?name=Results")
    again = http("POST", "/v2/datasets?name=results")
    assert (first.status_code, again.status_code) == (201, 200)
    created: dict[str, Any] = first.json()["data"]
    assert again.json()["data"]["id"] == created["id"]
    for name in ("~results", "emulator~results", f"{emulator.user.id}~results"):
        assert http.data("GET", f"/v2/datasets/{name}")["id"] == created["id"]
    assert error_of(http("GET", "/v2/datasets/results")) == (404, "record-not-found")
    assert error_of(http("POST", "/v2/datasets?name=not%20a%20name")) == (400, "invalid-value")
    unnamed = http.data("POST", "/v2/datasets")
    assert unnamed["name"] is None
    taken = http("PUT", f"/v2/datasets/{unnamed['id']}", json={"name": "results"})
    assert error_of(taken) == (409, "name-not-unique")
    assert http.data("GET", "/v2/datasets")["total"] == 1
    assert http.data("GET", "/v2/datasets?unnamed=1")["total"] == 2
    assert error_of(http("DELETE", "/v2/datasets/nothing")) == (404, "record-not-found")
