"""
Schema fuzzing against Apify's OpenAPI document (``openapi.json``, which notes its licence and changes).

Each run tries the boundaries of every parameter and body; ``FUZZ_EXAMPLES=40`` adds as many random requests
to each operation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from airflow_provider_apify.emulator import ActorContext, Emulator

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
# The specification says only in prose what names, memory and builds a request may have.
EXCLUDED = [positive_data_acceptance]


def corrected(spec: dict[str, Any]) -> dict[str, Any]:
    """Correct the mistakes of the specification itself; the tests may find no others."""
    anything: dict[str, Any] = {}
    paths, schemas = spec["paths"], spec["components"]["schemas"]
    # 1. Records of any kind may be stored, and are answered as they are.
    schemas["PutRecordRequest"] = schemas["RecordResponse"] = anything
    for path, operations in paths.items():
        for operation in operations.values():
            answers = operation["responses"]
            # 2. run-sync answers with the output record, whatever it is, or nothing.
            if path.endswith("/run-sync"):
                del answers["201"]["content"]
            # 3. Items of a task's run are an array like those of an Actor's.
            if path.endswith("/run-sync-get-dataset-items"):
                answers["201"]["content"]["application/json"]["schema"] = anything
            if path.endswith(("/run-sync", "/run-sync-get-dataset-items", "/runs")):
                # 4. A run needs no input, and the official clients send `null` for none.
                body = operation.get("requestBody", {"content": {}})
                body.pop("required", None)
                if "application/json" in body["content"]:
                    body["content"]["application/json"]["schema"] = {"type": ["object", "null"]}
    # 5. A content type needs no parameter beside the body's own.
    batch = paths["/v2/request-queues/{queueId}/requests/batch"]["delete"]
    batch["parameters"] = [one for one in batch["parameters"] if "contentType" not in one.get("$ref", "")]
    # 6. The public part of an account needs no token.
    paths["/v2/users/{userId}"]["get"]["security"] = []
    return spec


SPEC = corrected(json.loads((Path(__file__).parent / "openapi.json").read_text()))
schema = schemathesis.openapi.from_dict(SPEC)


class Api:
    """An emulator with one resource of each kind, and the path parameters that name these."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"}
        run = self.post("/v2/actors/emulator~crawler/runs?waitForFinish=10")
        condition = {"actorId": run["actId"]}
        webhook = self.post(
            "/v2/webhooks",
            {
                "eventTypes": ["TEST"],
                "requestUrl": "http://127.0.0.1:9",
                "condition": condition,
                "doNotRetry": True,
            },
        )
        queue = run["defaultRequestQueueId"]
        request = self.post(f"/v2/request-queues/{queue}/requests", {"url": "http://a", "uniqueKey": "a"})
        self.parameters = {
            "actorId": "emulator~crawler",
            "actorTaskId": "emulator~task",
            "runId": run["id"],
            "buildOrRunId": run["id"],
            "buildId": run["buildId"],
            "datasetId": run["defaultDatasetId"],
            "storeId": run["defaultKeyValueStoreId"],
            "recordKey": "OUTPUT",
            "queueId": queue,
            "requestId": request["requestId"],
            "webhookId": webhook["id"],
            "dispatchId": self.post(f"/v2/webhooks/{webhook['id']}/test")["id"],
            "userId": "emulator",
        }

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = requests.post(self.url + path, json=body, headers=self.headers, timeout=30)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    emulator = Emulator()

    @emulator.actor("emulator/crawler", pay_per_event={"page": 0.1})
    def crawler(actor: ActorContext) -> None:
        actor.push_data([{"n": 1, "#hidden": 2, "nested": {"list": [1]}}])
        actor.set_value("OUTPUT", {"done": True})

    emulator.add_task("emulator/task", actor="emulator/crawler", input={"n": 1})
    with emulator.serve() as server:
        yield Api(server.url, server.token)
    emulator.close()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES or 1,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate] if EXAMPLES else [Phase.explicit],
)
def test_every_operation_keeps_to_the_specification(case: Any, api: Api) -> None:
    for name in case.path_parameters or {}:
        case.path_parameters[name] = api.parameters[name]
    last = case.operation.path.rsplit("/", 1)[-1]
    if case.method == "DELETE" and last in (
        "{runId}",
        "{actorTaskId}",
        "{datasetId}",
        "{storeId}",
        "{queueId}",
        "{webhookId}",
        "{requestId}",
        "dataset",
        "key-value-store",
        "request-queue",
    ):
        return  # the other operations still need the resource
    if isinstance(case.body, dict) and str(case.body.get("generalAccess", "")).startswith("ANYONE"):
        del case.body["generalAccess"]  # else others would find it readable without a token, rightly
    if case.query:
        case.query.pop("bom", None)  # JSON behind a byte order mark is asked for, and is not JSON
        if "waitForFinish" in case.query:
            case.query["waitForFinish"] = 0
    case.call_and_validate(base_url=api.url, headers=api.headers, excluded_checks=EXCLUDED)
