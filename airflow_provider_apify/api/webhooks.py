"""Webhooks that stay: made once, changed where they differ, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_apify.api.call import Answer, Call
from airflow_provider_apify.api.actors import get_actor, get_task
from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyNotFoundError
from airflow_provider_apify.api.flow import Flow
from airflow_provider_apify.api.json_body import JSON_TYPE
from airflow_provider_apify.api.arguments import exactly_one, resource_ref


def create_webhook(definition: Mapping[str, Any]) -> Call[dict[str, Any]]:
    """
    Make a webhook; with an `idempotencyKey` that was used before, Apify returns the one made then.

    :param definition: what the API takes: `eventTypes`, `requestUrl`, `condition`, …
    """
    return Call(
        method="POST",
        path="/v2/webhooks",
        body=json.dumps(definition).encode(),
        headers={"Content-Type": JSON_TYPE},
        replayable=bool(definition.get("idempotencyKey")),
        read=Answer.data,
    )


def update_webhook(webhook_id: str, changes: Mapping[str, Any]) -> Call[dict[str, Any]]:
    """
    Change a webhook.

    :param webhook_id: its ID.
    :param changes: the fields that are to be other than they are.
    """
    return Call(
        method="PUT",
        path=f"/v2/webhooks/{resource_ref('webhook', webhook_id)}",
        body=json.dumps(changes).encode(),
        headers={"Content-Type": JSON_TYPE},
        read=Answer.data,
    )


def delete_webhook(webhook_id: str) -> Call[None]:
    """
    Delete a webhook.

    :param webhook_id: its ID.
    """
    return Call(
        method="DELETE",
        path=f"/v2/webhooks/{resource_ref('webhook', webhook_id)}",
        read=lambda answer: None,
    )


def ensure_webhook(
    idempotency_key: str,
    definition: Mapping[str, Any],
    *,
    actor_id: str | None,
    actor_task_id: str | None,
) -> Flow[dict[str, Any]]:
    """
    Make the webhook of that key, or change the one there is.

    :param idempotency_key: tells it from others in the account.
    :param definition: what the API takes, except `condition` and `idempotencyKey`; None leaves a field out.
    :param actor_id: it is about the runs of this Actor, or
    :param actor_task_id: of this task.
    """
    exactly_one(actor_id=actor_id or None, actor_task_id=actor_task_id or None)
    if not idempotency_key:
        raise ApifyConfigurationError("The idempotency key is empty.")
    if actor_id:
        actor = yield get_actor(actor_id)
        condition = {"actorId": actor["id"]}
    else:
        task = yield get_task(actor_task_id or "")
        condition = {"actorTaskId": task["id"]}
    wanted = {key: value for key, value in definition.items() if value is not None}
    wanted |= {"condition": condition}
    webhook: dict[str, Any] = yield create_webhook({**wanted, "idempotencyKey": idempotency_key})
    changes = {key: value for key, value in wanted.items() if webhook.get(key) != value}
    if changes:
        webhook = yield update_webhook(webhook["id"], changes)
    return webhook


def drop_webhook(webhook_id: str) -> Flow[None]:
    """
    Delete a webhook; that it is gone already is no error.

    :param webhook_id: its ID.
    """
    try:
        yield delete_webhook(webhook_id)
    except ApifyNotFoundError:
        return
