"""``/v2/webhooks`` and ``/v2/webhook-dispatches``: create, change, test and delete."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import invalid_request, not_found
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.platform.webhooks import EVENTS, Dispatch, Webhook
from airflow_provider_apify.emulator.server.list_pagination import page_response
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response
from airflow_provider_apify.emulator.server.routing import Operations

WEBHOOKS: Operations[User] = Operations()
WEBHOOK: Operations[Webhook] = Operations()
DISPATCHES: Operations[User] = Operations()
# Field of the API, attribute of `Webhook`, type.
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


def webhook_of(call: Call) -> Webhook:
    """Find the webhook of ``{webhookId}`` among the caller's."""
    user = call.user
    webhook = call.platform.webhooks.all.get(call.params["webhookId"])
    if webhook is None or webhook.user_id != user.id:
        raise not_found("Webhook")
    return webhook


@WEBHOOKS.on("GET")
async def _list_webhooks(call: Call, user: User) -> Response:
    """Answer with the user's webhooks, including ad-hoc ones."""
    return page_response(call, call.platform.webhooks.of_user(user.id), Webhook.describe)


@WEBHOOKS.on("POST")
async def _create_webhook(call: Call, user: User) -> Response:
    """Add a webhook, or answer with the one that already has its ``idempotencyKey``."""
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
    return data_response(webhook.describe(), 201, Location=f"{call.base_url}/v2/webhooks/{webhook.id}")


def webhooks_response(call: Call, field: str, resource_id: str) -> Response:
    """Answer with the user's webhooks whose condition names a resource in this field."""
    own = call.platform.webhooks.of_user(call.user.id)
    return page_response(
        call, [webhook for webhook in own if webhook.condition.get(field) == resource_id], Webhook.describe
    )


@WEBHOOK.on("GET")
async def _get_webhook(call: Call, webhook: Webhook) -> Response:
    return data_response(webhook.describe())


@WEBHOOK.on("PUT")
async def _put_webhook(call: Call, webhook: Webhook) -> Response:
    body = await call.json_object()
    for name, value in webhook_fields({**webhook.describe(), **body}).items():
        setattr(webhook, name, value)
    if "condition" in body:
        webhook.condition = _condition(body["condition"])
    webhook.modified_at = call.platform.clock.time()
    return data_response(webhook.describe())


@WEBHOOK.on("DELETE")
async def _delete_webhook(call: Call, webhook: Webhook) -> Response:
    call.platform.webhooks.all.pop(webhook.id, None)
    return Response(204)


@WEBHOOK.on("POST", "/test")
async def _test_webhook(call: Call, webhook: Webhook) -> Response:
    """Send a test event."""
    dispatch = call.platform.webhooks.dispatch(webhook, "TEST", None, None)
    return data_response(dispatch.describe(), 201)


@WEBHOOK.on("GET", "/dispatches")
async def _list_webhook_dispatches(call: Call, webhook: Webhook) -> Response:
    return page_response(call, webhook.dispatches, Dispatch.describe)


@DISPATCHES.on("GET")
async def _list_dispatches(call: Call, user: User) -> Response:
    return page_response(call, call.platform.webhooks.dispatches(user.id), Dispatch.describe)


@DISPATCHES.on("GET", "/{dispatchId}")
async def _get_dispatch(call: Call, user: User) -> Response:
    for dispatch in call.platform.webhooks.dispatches(user.id):
        if dispatch.id == call.params["dispatchId"]:
            return data_response(dispatch.describe())
    raise not_found("Webhook dispatch")


def webhook_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Validate the fields that ad-hoc and persistent webhooks share."""
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
