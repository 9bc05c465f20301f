"""Webhooks that stay: made once, changed where they differ, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import required_text, resource_ref
from airflow_provider_apify.api.call import Answer, Call, no_result
from airflow_provider_apify.api.errors import ApifyNotFoundError
from airflow_provider_apify.api.flow import Send
from airflow_provider_apify.api.request_body import JSON_TYPE


def ensure_webhook(
    send: Send, idempotency_key: str, target: Target, definition: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Make the webhook of a key, or change the one there is where it differs.

    :param definition: the fields of the API but for `condition` and `idempotencyKey`; None leaves one out.
    """
    required_text("idempotency_key", idempotency_key)
    wanted = {key: value for key, value in definition.items() if value is not None}
    key = "actorId" if target.kind == "Actor" else "actorTaskId"
    wanted["condition"] = {key: send(target.get())["id"]}
    # With a key that was used before, Apify returns the webhook made then, so sending again does no harm.
    created = {**wanted, "idempotencyKey": idempotency_key}
    webhook: dict[str, Any] = send(_write("POST", "/v2/webhooks", created))
    changes = {key: value for key, value in wanted.items() if webhook.get(key) != value}
    if changes:
        webhook = send(_write("PUT", _path(webhook["id"]), changes))
    return webhook


def delete_webhook(send: Send, webhook_id: str) -> None:
    """Delete a webhook; that it is gone already is not an error."""
    with suppress(ApifyNotFoundError):
        send(Call(method="DELETE", path=_path(webhook_id), read=no_result))


def _write(method: str, path: str, fields: Mapping[str, Any]) -> Call[dict[str, Any]]:
    body, headers = json.dumps(fields).encode(), {"Content-Type": JSON_TYPE}
    return Call(method=method, path=path, body=body, headers=headers, read=Answer.data)


def _path(webhook_id: str) -> str:
    return f"/v2/webhooks/{resource_ref('webhook_id', webhook_id)}"
