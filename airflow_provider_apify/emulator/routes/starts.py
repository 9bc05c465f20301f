"""Starting a run from a request: options, input, webhooks, waiting."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_apify.emulator.accounts import Actor, Task
from airflow_provider_apify.emulator.call import JSON_TYPE, MAX_SECONDS, Answer, Call, data_answer
from airflow_provider_apify.emulator.errors import ApiError, invalid_value
from airflow_provider_apify.emulator.platform import build_matches
from airflow_provider_apify.emulator.routes.webhooks import ad_hoc_webhooks, attach
from airflow_provider_apify.emulator.runs import ORIGINS, Run, RunOptions
from airflow_provider_apify.emulator.storages import Record

MAX_WAIT = 60
MIN_MEMORY, MAX_MEMORY = 128, 32_768


async def start(call: Call, actor: Actor, task: Task | None = None) -> Run:
    """Make a run of an Actor, or of a task, as the request asks; it is yet to be launched."""
    user = call.user
    options = _options(call, actor, task)
    webhooks = ad_hoc_webhooks(call)
    record = await _input(call, actor, task)
    headers = call.request.headers
    origin = headers.get("X-Apify-Request-Origin", "API")
    meta = {
        "origin": origin if origin in ORIGINS else "API",
        "clientIp": call.request.remote,
        "userAgent": headers.get("User-Agent"),
    }
    run = call.platform.start_run(user, actor, task, options, record, meta)
    tracking = {
        name: headers[header]
        for name, header in (
            ("platform", "x-apify-integration-platform"),
            ("appId", "x-apify-integration-app-id"),
        )
        if header in headers
    }
    run.integration = tracking or None
    attach(run, webhooks)
    return run


async def start_answer(call: Call, actor: Actor, task: Task | None = None) -> Answer:
    """Start a run and answer with it, READY or as it is when ``waitForFinish`` is over."""
    wait_seconds(call)
    run = await start(call, actor, task)
    shown = run.describe()
    run.launch()
    if wait_seconds(call):
        await wait(call, run)
        shown = run.describe()
    return data_answer(shown, 201, Location=f"{call.base_url}/v2/actors/{actor.id}/runs/{run.id}")


def wait_seconds(call: Call) -> float:
    """Return ``waitForFinish``, which the API caps at 60 seconds; clients do send more."""
    return min(call.number("waitForFinish") or 0, MAX_WAIT)


async def wait(call: Call, run: Run) -> None:
    """Wait for the end of a run as long as ``waitForFinish`` says."""
    seconds = wait_seconds(call)
    if seconds:
        await wait_until_finished(run, seconds)


async def wait_until_finished(run: Run, seconds: float) -> None:
    """Wait for the end of a run, at most so many emulated seconds."""
    clock = run.platform.clock
    await run.changed.wait(clock, clock.time() + seconds, lambda: run.is_finished)


def check_memory(memory: int | None) -> None:
    """Refuse memory that is not a power of two from 128 to 32768 MB."""
    if memory is not None and not (MIN_MEMORY <= memory <= MAX_MEMORY and memory & (memory - 1) == 0):
        raise invalid_value(
            f"Memory must be a power of two between {MIN_MEMORY} and {MAX_MEMORY} megabytes, not {memory}."
        )


def check_build(actor: Actor, build: str) -> None:
    """Refuse a build that the Actor does not have."""
    if not build_matches(actor, build):
        raise ApiError(400, "unknown-build-tag", f'Actor {actor.full_name} has no build "{build}".')


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


def check_input(actor: Actor, value: Any) -> None:
    """Refuse input that does not fit the Actor's input schema; an Actor without one takes anything."""
    if actor.input_schema is None:
        return
    from airflow_provider_apify.emulator.schemas import input_problems

    problems = input_problems(actor.input_schema, value or {})
    if problems:
        raise ApiError(400, "invalid-input", f"Input is not valid: {', '.join(problems)}")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise ApiError(400, "run-input-body-not-valid-json", "The input is not valid JSON.") from None
