from __future__ import annotations

import threading
import time

import pytest
import requests
from apify_client import ApifyClient

from airflow_provider_apify.emulator import Emulator, Fault
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of

RUNS = "/v2/actors/*/runs"


@pytest.mark.parametrize(("action", "started"), [("refuse", 0), ("drop-before", 0), ("drop-after", 1)])
def test_a_connection_is_dropped_before_or_after_the_effect(
    http: HttpClient, emulator: Emulator, action: str, started: int
) -> None:
    fault = emulator.faults.add(Fault(action=action, method="POST", path=RUNS, calls=(1,)))  # type: ignore[arg-type]
    with pytest.raises(requests.ConnectionError):
        http("POST", CRAWLER_RUNS, json={"items": 1})
    assert (len(emulator.runs), fault.fired) == (started, 1)
    assert emulator.requests[-1].status is None
    assert http("POST", CRAWLER_RUNS).status_code == 201
    assert len(emulator.runs) == started + 1


def test_a_fault_meets_only_the_numbered_requests(http: HttpClient, emulator: Emulator) -> None:
    emulator.faults.add(
        Fault(
            action="answer",
            path=RUNS,
            calls=(1, 3),
            status=429,
            type="rate-limit-exceeded",
            headers={"Retry-After": "7"},
        )
    )
    answers = [http("POST", CRAWLER_RUNS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 201, 429, 201]
    assert answers[0].headers["Retry-After"] == "7"
    assert error_of(answers[0]) == (429, "rate-limit-exceeded")
    assert len(emulator.runs) == 2


def test_the_alias_meets_the_same_faults(http: HttpClient, emulator: Emulator) -> None:
    emulator.faults.add(Fault(action="answer", path=RUNS, status=402, type="actor-memory-limit-exceeded"))
    assert error_of(http("POST", "/v2/acts/emulator~crawler/runs")) == (402, "actor-memory-limit-exceeded")


def test_a_fault_can_answer_with_html(http: HttpClient, emulator: Emulator) -> None:
    emulator.faults.add(Fault(action="answer", status=502, body="<html>Bad Gateway</html>"))
    answer = http("GET", "/v2/users/me")
    assert (answer.status_code, answer.text) == (502, "<html>Bad Gateway</html>")
    assert answer.headers["Content-Type"] == "text/html"


@pytest.mark.parametrize("cut_at", [0, 1, 500])
def test_a_body_is_cut_after_so_many_bytes(http: HttpClient, emulator: Emulator, cut_at: int) -> None:
    dataset = emulator.create_dataset([{"n": number} for number in range(1000)])
    emulator.faults.add(Fault(path="/v2/datasets/*", cut_at=cut_at))
    got = bytearray()
    path = f"/v2/datasets/{dataset}/items?format=jsonl"
    with http("GET", path, stream=True, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            got.extend(byte for chunk in answer.iter_content(1) for byte in chunk)
    assert emulator.requests[-1].bytes_sent == cut_at


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_may_have_no_other_end_than_that_of_the_connection(
    http: HttpClient, emulator: Emulator, encoding: str
) -> None:
    dataset = emulator.create_dataset([{"n": number} for number in range(1000)])
    path, headers = f"/v2/datasets/{dataset}/items?format=jsonl", {"Accept-Encoding": encoding}
    whole = http("GET", path, headers=headers)
    emulator.faults.add(Fault(path="/v2/datasets/*", unframed=True))
    answer = http("GET", path, headers=headers)
    assert answer.content == whole.content
    assert not {"Content-Length", "Transfer-Encoding"} & set(answer.headers)
    emulator.faults.add(Fault(path="/v2/datasets/*", cut_at=500))
    assert len(http("GET", path, headers={"Accept-Encoding": "identity"}).content) == 500


def test_a_cache_may_overlook_parameters_and_set_headers(http: HttpClient, emulator: Emulator) -> None:
    dataset = emulator.create_dataset([{"n": number} for number in range(10)])
    emulator.faults.add(Fault(path="/v2/datasets/*", query={"offset": None, "limit": "2"}))
    emulator.faults.add(Fault(path="/v2/datasets/*", headers={"Age": "7", "X-Apify-Pagination-Total": None}))
    answer = http("GET", f"/v2/datasets/{dataset}/items?offset=5&limit=3&fields=n")
    assert answer.json() == [{"n": 0}, {"n": 1}]
    assert (answer.headers["Age"], answer.headers["X-Apify-Pagination-Offset"]) == ("7", "0")
    assert "X-Apify-Pagination-Total" not in answer.headers


def test_delay_latency_and_bandwidth_take_real_time(http: HttpClient, emulator: Emulator) -> None:
    dataset = emulator.create_dataset([{"text": "x" * 100} for _ in range(1000)])
    path = f"/v2/datasets/{dataset}/items?format=jsonl"
    size = len(http("GET", path, headers={"Accept-Encoding": "identity"}).content)
    for fault in (Fault(delay=0.2), Fault(latency=0.2), Fault(slow=0.05), Fault(bandwidth=size * 5)):
        emulator.faults.clear()
        emulator.faults.add(fault)
        begun = time.monotonic()
        http("GET", path, headers={"Accept-Encoding": "identity"})
        assert time.monotonic() - begun >= 0.19


def test_a_start_whose_response_is_late_takes_effect(http: HttpClient, emulator: Emulator) -> None:
    emulator.faults.add(Fault(path=RUNS, latency=30))
    with pytest.raises(requests.ReadTimeout):
        http.session.post(http.url + CRAWLER_RUNS, timeout=0.1)
    assert len(emulator.runs) == 1


def test_the_server_survives_clients_that_hang_up(http: HttpClient) -> None:
    run = http.data("POST", CRAWLER_RUNS, json={"sleep": 1000})
    for _ in range(3):
        with pytest.raises(requests.ReadTimeout):
            http.session.get(f"{http.url}/v2/actor-runs/{run['id']}?waitForFinish=60", timeout=0.05)
    assert http("GET", "/v2/users/me").status_code == 200


def test_the_official_client_retries_through_a_burst_of_errors(
    client: ApifyClient, emulator: Emulator
) -> None:
    fault = emulator.faults.add(Fault(action="answer", path="/v2/users/me", calls=(1, 2, 3), status=500))
    me = client.user().get()
    assert me is not None
    assert fault.fired == 3


def test_a_fault_counts_once_for_each_request(http: HttpClient, emulator: Emulator) -> None:
    fault = emulator.faults.add(Fault(action="answer", method="GET", path="/v2/users/*", calls=(5,)))
    threads = [threading.Thread(target=http, args=("GET", "/v2/users/me")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (fault.matched, fault.fired) == (8, 1)
