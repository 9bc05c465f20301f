"""Webhooks that stay: made once, changed where they differ, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import boolean, required_text, resource_ref, text, texts
from airflow_provider_apify.api.call import Answer, Call, no_result
from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyNotFoundError
from airflow_provider_apify.api.flow import Flow, send_one
from airflow_provider_apify.api.request_body import JSON_TYPE


def ensure_webhook(
    idempotency_key: str,
    *,
    event_types: Sequence[str],
    request_url: str,
    actor_id: str | None = None,
    actor_task_id: str | None = None,
    payload_template: str | None = None,
    headers_template: str | None = None,
    should_interpolate_strings: bool | None = None,
    description: str | None = None,
) -> Flow[dict[str, Any]]:
    """
    Make the webhook of a key, or change the one there is where it differs, and return it.

    :param idempotency_key: any text that tells this webhook from others in the account.
    :param event_types: such as `ACTOR.RUN.SUCCEEDED` and `ACTOR.RUN.FAILED`.
    :param request_url: the URL that Apify calls.
    :param actor_id: ID or `username/name` of the Actor, or
    :param actor_task_id: ID or `username/name` of the task at Apify.
    :param payload_template: body of the request in Apify's own template language; by default it tells of
        the whole run.
    :param headers_template: further headers as JSON.
    :param should_interpolate_strings: replace Apify's variables inside quotes too.
    :param description: text shown in Apify Console.
    :raises ApifyConfigurationError: if an argument cannot be used; nothing was sent.
    :raises ApifyApiError: if Apify refuses.
    """
    target = Target.either(actor_id=actor_id, actor_task_id=actor_task_id)
    required_text("idempotency_key", idempotency_key)
    definition = {
        "eventTypes": list(texts("event_types", event_types)),
        "requestUrl": required_text("request_url", request_url),
        "payloadTemplate": text("payload_template", payload_template),
        "headersTemplate": text("headers_template", headers_template),
        "shouldInterpolateStrings": boolean("should_interpolate_strings", should_interpolate_strings),
        "description": text("description", description),
    }
    if not definition["eventTypes"]:
        raise ApifyConfigurationError("`event_types` must name at least one event. Nothing was sent.")
    wanted: dict[str, Any] = {key: value for key, value in definition.items() if value is not None}
    actor_or_task = yield from send_one(target.get())
    wanted["condition"] = {"actorId" if target.kind == "Actor" else "actorTaskId": actor_or_task["id"]}
    # With a key that was used before, Apify returns the webhook made then, so sending again does no harm.
    created = {**wanted, "idempotencyKey": idempotency_key}
    webhook = yield from send_one(_write("POST", "/v2/webhooks", created))
    changes = {key: value for key, value in wanted.items() if webhook.get(key) != value}
    if changes:
        webhook = yield from send_one(_write("PUT", _path(webhook["id"]), changes))
    return webhook


def delete_webhook(webhook_id: str) -> Flow[None]:
    """
    Delete a webhook; that it is gone already is no error.

    :param webhook_id: ID of the webhook.
    :raises ApifyApiError: if Apify refuses.
    """
    with suppress(ApifyNotFoundError):
        yield from send_one(Call(method="DELETE", path=_path(webhook_id), read=no_result))


def _write(method: str, path: str, fields: Mapping[str, Any]) -> Call[dict[str, Any]]:
    body, headers = json.dumps(fields).encode(), {"Content-Type": JSON_TYPE}
    return Call(method=method, path=path, body=body, headers=headers, read=Answer.resource)


def _path(webhook_id: str) -> str:
    return f"/v2/webhooks/{resource_ref('webhook_id', webhook_id)}"
