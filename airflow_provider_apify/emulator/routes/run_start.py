"""The start of a run by a request: options, input, User-Agent and origin, ad-hoc webhooks."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_request
from airflow_provider_apify.emulator.platform.key_value_stores import Record
from airflow_provider_apify.emulator.platform.run_json import run_object
from airflow_provider_apify.emulator.platform.run_life_cycle import ORIGINS, Run
from airflow_provider_apify.emulator.platform.run_options import RunOptions, check_build, check_memory
from airflow_provider_apify.emulator.platform.schema_validation import check_input
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.webhooks import Webhook
from airflow_provider_apify.emulator.routes.wait_for_finish import wait_for_finish, wait_seconds
from airflow_provider_apify.emulator.routes.webhook_endpoints import webhook_fields
from airflow_provider_apify.emulator.server.request import MAX_SECONDS, Call
from airflow_provider_apify.emulator.server.response import JSON_TYPE, Response, data_response


async def make_run(call: Call, actor: Actor, task: Task | None = None) -> Run:
    """Make the run of an Actor or task that a request asks for; :meth:`Run.launch` then starts it."""
    user = call.user
    options = _options(call, actor, task)
    webhooks = _ad_hoc_webhooks(call)
    record = await _input(call, actor, task)
    headers = call.request.headers
    origin = headers.get("X-Apify-Request-Origin", "API")
    meta = {
        "origin": origin if origin in ORIGINS else "API",
        "clientIp": call.request.remote,
        "userAgent": headers.get("User-Agent"),
    }
    run = call.platform.start_run(user, actor, task, options, record, meta)
    tracking = {"platform": "x-apify-integration-platform", "appId": "x-apify-integration-app-id"}
    run.integration = {name: headers[key] for name, key in tracking.items() if key in headers} or None
    _attach_webhooks(call, run, webhooks)
    return run


async def start_run_response(call: Call, actor: Actor, task: Task | None = None) -> Response:
    """Start a run and answer with it, READY or as it is after ``waitForFinish``."""
    wait_seconds(call)
    run = await make_run(call, actor, task)
    shown = run_object(run)
    run.launch()
    if wait_seconds(call):
        await wait_for_finish(call, run)
        shown = run_object(run)
    return data_response(shown, 201, Location=f"{call.base_url}/v2/actors/{actor.id}/runs/{run.id}")


def _options(call: Call, actor: Actor, task: Task | None) -> RunOptions:
    saved: dict[str, Any] = {
        key: value for key, value in (task.options if task else {}).items() if value is not None
    }
    build = call.text("build") or saved.get("build") or actor.default_build
    check_build(actor, build)
    memory = call.integer("memory")
    if memory is None:
        memory = saved.get("memoryMbytes", actor.default_memory_mbytes)
    check_memory(memory)
    timeout = call.integer("timeout", maximum=MAX_SECONDS)
    max_items = call.integer("maxItems")
    if max_items is not None and max_items < 1:
        raise ApiError(
            400, "max-items-must-be-greater-than-zero", "Maximum number of items must be greater than zero."
        )
    max_charge = call.number("maxTotalChargeUsd")
    if max_charge is not None and max_charge <= 0:
        raise ApiError(
            400,
            "max-total-charge-usd-must-be-greater-than-zero",
            "Maximum total charge must be greater than zero.",
        )
    call.choice("forcePermissionLevel", ("LIMITED_PERMISSIONS", "FULL_PERMISSIONS"))
    restart = call.flag("restartOnError")
    return RunOptions(
        build=build,
        timeout_secs=saved.get("timeoutSecs", actor.default_timeout_secs) if timeout is None else timeout,
        memory_mbytes=memory,
        max_items=saved.get("maxItems") if max_items is None else max_items,
        max_total_charge_usd=saved.get("maxTotalChargeUsd") if max_charge is None else max_charge,
        restart_on_error=saved.get("restartOnError", actor.restart_on_error) if restart is None else restart,
    )


async def _input(call: Call, actor: Actor, task: Task | None) -> Record | None:
    body = await call.body() if call.request.method == "POST" else b""
    content_type = call.request.headers.get("Content-Type", JSON_TYPE)
    if task is not None:
        return _merged_input(task, body)
    is_json = content_type.partition(";")[0].strip().lower() == "application/json"
    # The official clients send the literal `null` when they have no input.
    if not body or (is_json and body.strip() == b"null"):
        value: Any = None
    elif is_json:
        value = _parsed(body)
        if not isinstance(value, dict):
            raise ApiError(400, "input-json-not-object", "The input must be a JSON object.")
    else:
        return Record(body, content_type)
    check_input(actor, value)
    return Record(body, content_type) if value is not None else None


def _merged_input(task: Task, body: bytes) -> Record | None:
    value = _parsed(body) if body.strip() else None
    if value is not None and not isinstance(value, dict):
        raise ApiError(400, "input-json-not-object", "The input must be a JSON object.")
    if task.input is None and value is None:
        check_input(task.actor, None)
        return None
    merged = {**(task.input or {}), **(value or {})}
    check_input(task.actor, merged)
    return Record(json.dumps(merged, ensure_ascii=False).encode(), JSON_TYPE)


def _ad_hoc_webhooks(call: Call) -> list[dict[str, Any]]:
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


def _attach_webhooks(call: Call, run: Run, webhooks: list[dict[str, Any]]) -> None:
    for fields in webhooks:
        call.platform.webhooks.add(
            Webhook(
                user_id=run.user.id,
                condition={"actorRunId": run.id},
                created_at=run.started_at,
                modified_at=run.started_at,
                is_ad_hoc=True,
                **fields,
            )
        )


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise ApiError(400, "run-input-body-not-valid-json", "The input is not valid JSON.") from None
