"""Webhooks that stay, over HTTP against the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyNotFoundError, ApifyServerError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.operators.webhook import CreateOrUpdateWebhookOperator, DeleteWebhookOperator

NO_CONTEXT: Any = {}

pytestmark = pytest.mark.usefixtures("server", "fast_clock")


def ensure(**kwargs: Any) -> str:
    arguments = {
        "task_id": "ensure",
        "idempotency_key": "ours",
        "event_types": ["ACTOR.RUN.SUCCEEDED"],
        "request_url": "http://127.0.0.1:9/one",
        "actor_id": "emulator/worker",
    } | kwargs
    return CreateOrUpdateWebhookOperator(**arguments).execute(NO_CONTEXT)


def webhooks(emulator: Emulator) -> dict[str, Any]:
    return {key: webhook.describe() for key, webhook in emulator.platform.webhooks.all.items()}


def test_a_webhook_is_made_once_and_changed_where_it_differs(emulator: Emulator) -> None:
    webhook_id = ensure()
    assert ensure() == webhook_id
    assert [seen.method for seen in emulator.requests if "/webhooks" in seen.path] == ["POST", "POST"]
    assert ensure(request_url="http://127.0.0.1:9/two", description="news") == webhook_id
    (made,) = webhooks(emulator).values()
    assert made["requestUrl"] == "http://127.0.0.1:9/two"
    assert made["description"] == "news"
    assert made["condition"].keys() == {"actorId"}
    other = ensure(idempotency_key="another", actor_id=None, actor_task_id="emulator/job")
    assert other != webhook_id
    assert "actorTaskId" in webhooks(emulator)[other]["condition"]


def test_a_lost_answer_makes_no_second_webhook(emulator: Emulator) -> None:
    emulator.faults.add(Fault("drop-after", "POST", "/v2/webhooks", (1,)))
    ensure()
    assert len(webhooks(emulator)) == 1


def test_an_id_that_is_none_is_no_result(emulator: Emulator) -> None:
    body = json.dumps({"data": {"id": "\0" + "x" * 100_000}})
    emulator.faults.add(
        Fault("answer", "POST", "/v2/webhooks", status=200, body=body, content_type="application/json")
    )
    with pytest.raises(ApifyServerError, match="its `id` is none of Apify's"):
        ensure()


def test_a_deleted_webhook_may_be_deleted_again(emulator: Emulator) -> None:
    webhook_id = ensure()
    for _ in range(2):
        DeleteWebhookOperator(task_id="delete", webhook_id=webhook_id).execute(NO_CONTEXT)
    assert not webhooks(emulator)
    ensure()
    assert len(webhooks(emulator)) == 1


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"idempotency_key": ""}, ApifyConfigurationError),
        ({"actor_id": None}, ApifyConfigurationError),
        ({"actor_task_id": "emulator/job"}, ApifyConfigurationError),
        ({"actor_id": "emulator/nobody"}, ApifyNotFoundError),
    ],
)
def test_what_cannot_be_watched_is_an_error(emulator: Emulator, kwargs: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        ensure(**kwargs)
    assert not webhooks(emulator)
