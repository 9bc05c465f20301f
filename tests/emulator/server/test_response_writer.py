from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient


def test_responses_are_compressed_if_the_client_accepts_it(http: HttpClient, emulator: Emulator) -> None:
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
