from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from apify_client import ApifyClient

from airflow_provider_apify.emulator import Emulator, Server
from tests.emulator.http_client import HttpClient, error_of


@pytest.fixture
def other_user(emulator: Emulator, server: Server) -> Iterator[HttpClient]:
    emulator.add_user("other", "other_user-token")
    http = HttpClient(server)
    http.session.headers["Authorization"] = "Bearer other_user-token"
    with http.session:
        yield http


def anonymous(server: Server, path: str, method: str = "GET") -> requests.Response:
    return requests.request(method, server.url + path, timeout=30)


def test_requests_need_a_valid_token_and_an_existing_path(server: Server, http: HttpClient) -> None:
    assert error_of(anonymous(server, "/v2/users/me")) == (401, "token-not-provided")
    assert error_of(anonymous(server, "/v2/users/me?token=wrong")) == (401, "user-or-token-not-found")
    assert anonymous(server, f"/v2/users/me?token={server.token}").status_code == 200
    assert error_of(anonymous(server, "/v2/actor-runs/x")) == (401, "token-not-provided")
    assert error_of(http("GET", "/v2/nothing/here")) == (404, "page-not-found")
    refused = http("PATCH", "/v2/users/me")
    assert error_of(refused) == (405, "method-not-allowed")
    assert refused.headers["Allow"] == "GET, OPTIONS"


def test_resources_of_another_user_can_neither_be_read_nor_changed(
    http: HttpClient, other_user: HttpClient
) -> None:
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
        assert other_user("GET", path).status_code == status, path
    answer = other_user("GET", f"/v2/datasets/{run['defaultDatasetId']}/items")
    assert error_of(answer) == (403, "insufficient-permissions")
    assert answer.json()["error"]["message"].startswith("Insufficient permissions for the dataset. Make sure")
    assert other_user("POST", f"/v2/actor-runs/{run['id']}/abort").status_code == 403
    assert other_user.data("GET", "/v2/actor-runs")["total"] == 0
    assert other_user.data("GET", "/v2/datasets?unnamed=1")["total"] == 0


def test_any_user_can_run_a_public_actor(
    http: HttpClient, other_user: HttpClient, emulator: Emulator
) -> None:
    emulator.actor("apify/scraper")(lambda actor: actor.push_data({"n": 1}))
    assert http.run("apify~scraper")["userId"] == emulator.user.id
    theirs = other_user.run("apify~scraper")
    assert theirs["status"] == "SUCCEEDED"
    assert http.data("GET", "/v2/actors/apify~scraper/runs")["total"] == 1
    assert [actor["name"] for actor in http.data("GET", "/v2/actors")["items"]] == ["crawler", "scraper"]


def test_general_access_opens_resources_for_reading_only(
    http: HttpClient, server: Server, other_user: HttpClient, emulator: Emulator
) -> None:
    run = http.run()
    path = f"/v2/datasets/{run['defaultDatasetId']}"
    assert error_of(anonymous(server, path)) == (401, "token-not-provided")
    http("PUT", path, json={"generalAccess": "ANYONE_WITH_ID_CAN_READ"})
    shown = anonymous(server, path).json()["data"]
    assert shown["urlSigningSecretKey"] is None
    assert "signature" not in shown["itemsPublicUrl"]
    assert other_user("GET", f"{path}/items").status_code == 200
    assert other_user("POST", f"{path}/items", json={}).status_code == 403
    emulator.user.general_access = "ANYONE_WITH_ID_CAN_READ"
    seen = anonymous(server, f"/v2/actor-runs/{run['id']}").json()["data"]
    assert not {"usageTotalUsd", "usageUsd", "usage"} & set(seen)
    assert "usageTotalUsd" in http.data("GET", f"/v2/actor-runs/{run['id']}")
    assert anonymous(server, f"/v2/actor-runs/{run['id']}/key-value-store/records/OUTPUT").status_code == 200
    assert anonymous(server, f"/v2/actor-runs/{run['id']}/abort", "POST").status_code == 401


def test_urls_signed_by_the_official_client_open_storages(client: ApifyClient, emulator: Emulator) -> None:
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
