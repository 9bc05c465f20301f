"""Webhooks and their dispatches."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from airflow_provider_apify.emulator.call import Answer, Call, data_answer
from airflow_provider_apify.emulator.errors import invalid_request, not_found
from airflow_provider_apify.emulator.routing import Family, Router
from airflow_provider_apify.emulator.runs import Run
from airflow_provider_apify.emulator.webhooks import EVENTS, Dispatch, Webhook

WEBHOOK: Family[Webhook] = Family()
# Field of the API, attribute here, type.
FIELDS: tuple[tuple[str, str, type], ...] = (
    ("requestUrl", "request_url", str),
    ("payloadTemplate", "payload_template", str),
    ("headersTemplate", "headers_template", str),
    ("shouldInterpolateStrings", "should_interpolate_strings", bool),
    ("idempotencyKey", "idempotency_key", str),
    ("ignoreSslErrors", "ignore_ssl_errors", bool),
    ("doNotRetry", "do_not_retry", bool),
    ("description", "description", str),
)


def register(router: Router) -> None:
    """Add the collections of webhooks and dispatches."""
    router.add("GET", "/v2/webhooks", list_webhooks)
    router.add("POST", "/v2/webhooks", create_webhook)
    router.add("GET", "/v2/webhook-dispatches", list_dispatches)
    router.add("GET", "/v2/webhook-dispatches/{dispatchId}", get_dispatch)
    WEBHOOK.mount(router, "/v2/webhooks/{webhookId}", webhook_of)


def webhook_of(call: Call) -> Webhook:
    """Find the webhook of ``{webhookId}``, one's own."""
    user = call.user
    webhook = call.platform.webhooks.all.get(call.params["webhookId"])
    if webhook is None or webhook.user_id != user.id:
        raise not_found("Webhook")
    return webhook


async def list_webhooks(call: Call) -> Answer:
    """Answer with the user's webhooks, ad-hoc ones too."""
    user = call.user
    return call.page([one for one in _all(call) if one.user_id == user.id], Webhook.describe)


async def create_webhook(call: Call) -> Answer:
    """Add a webhook; a known ``idempotencyKey`` returns the one it was used for."""
    user = call.user
    body = await call.json_object()
    fields = webhook_fields(body)
    condition = _condition(body.get("condition"))
    now = call.platform.clock.time()
    webhook = call.platform.webhooks.add(
        Webhook(
            user_id=user.id,
            condition=condition,
            created_at=now,
            modified_at=now,
            is_ad_hoc=bool(body.get("isAdHoc")),
            **fields,
        )
    )
    return data_answer(webhook.describe(), 201, Location=f"{call.base_url}/v2/webhooks/{webhook.id}")


def webhooks_answer(call: Call, condition: str, resource_id: str) -> Answer:
    """Answer with the user's webhooks on one Actor or task.

    :param condition: The field of the condition that names it.
    """
    user = call.user
    return call.page(
        [one for one in _all(call) if one.user_id == user.id and one.condition.get(condition) == resource_id],
        Webhook.describe,
    )


@WEBHOOK.on("GET")
async def get_webhook(call: Call, webhook: Webhook) -> Answer:
    """Answer with a webhook."""
    return data_answer(webhook.describe())


@WEBHOOK.on("PUT")
async def put_webhook(call: Call, webhook: Webhook) -> Answer:
    """Change a webhook."""
    body = await call.json_object()
    for name, value in webhook_fields({**webhook.describe(), **body}).items():
        setattr(webhook, name, value)
    if "condition" in body:
        webhook.condition = _condition(body["condition"])
    webhook.modified_at = call.platform.clock.time()
    return data_answer(webhook.describe())


@WEBHOOK.on("DELETE")
async def delete_webhook(call: Call, webhook: Webhook) -> Answer:
    """Delete a webhook."""
    call.platform.webhooks.all.pop(webhook.id, None)
    return Answer(204)


@WEBHOOK.on("POST", "/test")
async def test_webhook(call: Call, webhook: Webhook) -> Answer:
    """Send a test event."""
    dispatch = call.platform.webhooks.dispatch(webhook, "TEST", None, None)
    return data_answer(dispatch.describe(), 201)


@WEBHOOK.on("GET", "/dispatches")
async def list_webhook_dispatches(call: Call, webhook: Webhook) -> Answer:
    """Answer with the dispatches of a webhook."""
    return call.page(webhook.dispatches, Dispatch.describe)


async def list_dispatches(call: Call) -> Answer:
    """Answer with the user's dispatches."""
    return call.page(call.platform.webhooks.dispatches(call.user.id), Dispatch.describe)


async def get_dispatch(call: Call) -> Answer:
    """Answer with a dispatch."""
    for dispatch in call.platform.webhooks.dispatches(call.user.id):
        if dispatch.id == call.params["dispatchId"]:
            return data_answer(dispatch.describe())
    raise not_found("Webhook dispatch")


def ad_hoc_webhooks(call: Call) -> list[dict[str, Any]]:
    """Read the parameter ``webhooks`` of a run's start: Base64 of a JSON array."""
    text = call.text("webhooks")
    if text is None:
        return []
    try:
        webhooks = json.loads(b64decode(text.replace(" ", "+"), validate=True))
    except ValueError:
        webhooks = None
    if not isinstance(webhooks, list) or not all(isinstance(webhook, dict) for webhook in webhooks):
        raise invalid_request("Parameter webhooks must be a Base64-encoded JSON array of objects.")
    return [webhook_fields(webhook) for webhook in webhooks]


def attach(run: Run, webhooks: list[dict[str, Any]]) -> None:
    """Attach ad-hoc webhooks to a run."""
    for fields in webhooks:
        run.platform.webhooks.add(
            Webhook(
                user_id=run.user.id,
                condition={"actorRunId": run.id},
                created_at=run.started_at,
                modified_at=run.started_at,
                is_ad_hoc=True,
                **fields,
            )
        )


def webhook_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Check the fields that ad-hoc and persistent webhooks share.

    :raises ApiError: if one of them is missing or wrong.
    """
    events = body.get("eventTypes")
    if not isinstance(events, list) or not events or not set(map(str, events)) <= set(EVENTS):
        raise invalid_request(f"eventTypes must be a list of: {', '.join(EVENTS)}.")
    fields: dict[str, Any] = {"event_types": events}
    for name, attribute, kind in FIELDS:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise invalid_request(f"{name} must be a {'boolean' if kind is bool else 'string'}.")
        fields[attribute] = value
    if not fields.get("request_url", "").startswith(("http://", "https://")):
        raise invalid_request("requestUrl must be an HTTP URL.")
    return fields


def _condition(condition: Any) -> dict[str, Any]:
    names = ("actorId", "actorTaskId", "actorRunId")
    if not isinstance(condition, dict) or not any(isinstance(condition.get(name), str) for name in names):
        raise invalid_request(f"condition must be an object with one of: {', '.join(names)}.")
    return {name: condition[name] for name in names if isinstance(condition.get(name), str)}


def _all(call: Call) -> list[Webhook]:
    return list(call.platform.webhooks.all.values())
