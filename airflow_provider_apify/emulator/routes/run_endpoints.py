"""``/v2/actor-runs``: lists, get, abort, resurrect, reboot, metamorph, charge."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_request, invalid_value
from airflow_provider_apify.emulator.platform.key_value_stores import Record
from airflow_provider_apify.emulator.platform.run_json import listed_run_object, run_object
from airflow_provider_apify.emulator.platform.run_life_cycle import STATUSES, Run
from airflow_provider_apify.emulator.platform.run_options import check_build, check_memory
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.routes.resource_access import find_actor, legal_access, own_runs
from airflow_provider_apify.emulator.routes.wait_for_finish import wait_for_finish
from airflow_provider_apify.emulator.server.list_pagination import page_response
from airflow_provider_apify.emulator.server.request import MAX_SECONDS, Call
from airflow_provider_apify.emulator.server.response import JSON_TYPE, Response, data_response, json_response
from airflow_provider_apify.emulator.server.routing import Operations

RUNS: Operations[User] = Operations()
RUN: Operations[Run] = Operations()


@RUNS.on("GET")
async def _list_runs(call: Call, user: User) -> Response:
    return runs_response(call, own_runs(call, user))


def runs_response(call: Call, runs: list[Run], *, by_time: bool = True) -> Response:
    """Answer with some of the runs, by ``status``, ``startedAfter`` and ``startedBefore``."""
    statuses = call.names("status", STATUSES)
    after, before = _moment(call, "startedAfter"), _moment(call, "startedBefore")
    if not by_time:
        after = before = None
    runs = [
        run
        for run in runs
        if (not statuses or run.status in statuses)
        and (after is None or run.started_at >= after)
        and (before is None or run.started_at <= before)
    ]
    return page_response(call, runs, listed_run_object)


@RUN.on("GET")
async def _get_run(call: Call, run: Run) -> Response:
    """Answer with a run when it ends, or after ``waitForFinish``."""
    await wait_for_finish(call, run)
    return data_response(run_object(run, private=call.anyone is not None))


@RUN.on("PUT")
async def _put_run(call: Call, run: Run) -> Response:
    """Change the status message or the access of a run."""
    body = await call.json_object()
    message = body.get("statusMessage", run.status_message or "")
    terminal = body.get("isStatusMessageTerminal", False)
    if not isinstance(message, str) or not isinstance(terminal, bool) or body.get("runId", run.id) != run.id:
        raise invalid_request(
            "statusMessage must be a string, isStatusMessageTerminal a boolean, runId this run's."
        )
    if "generalAccess" in body:
        run.general_access = legal_access(body["generalAccess"])
    if "statusMessage" in body:
        run.status_message, run.is_status_message_terminal = message, terminal
    return data_response(run_object(run))


@RUN.on("DELETE")
async def _delete_run(call: Call, run: Run) -> Response:
    if not run.is_finished:
        raise ApiError(
            400, "cannot-remove-running-run", "It is not possible to delete a run that has not finished yet."
        )
    with call.platform.lock:
        call.platform.runs.pop(run.id, None)
    return Response(204)


@RUN.on("POST", "/abort")
async def _abort_run(call: Call, run: Run) -> Response:
    gracefully = bool(call.flag("gracefully"))
    was_finished = run.is_finished
    effective = run.abort(gracefully=gracefully)
    call.platform.aborts.append({"runId": run.id, "effective": effective})
    if was_finished and call.platform.switches.abort_finished == "refuse":
        raise ApiError(400, "job-finished", "Actor job is already finished.")
    return data_response(run_object(run))


@RUN.on("POST", "/resurrect")
async def _resurrect_run(call: Call, run: Run) -> Response:
    if not run.is_finished:
        raise invalid_request("Only finished runs can be resurrected.")
    build, timeout = call.text("build"), call.integer("timeout", maximum=MAX_SECONDS)
    memory, max_items = call.integer("memory"), call.integer("maxItems", 1)
    max_charge = call.number("maxTotalChargeUsd")
    check_memory(memory)
    if build is not None:
        check_build(run.actor, build)
    options = run.options
    for old, new in ((options.max_items, max_items), (options.max_total_charge_usd, max_charge)):
        if old is not None and new is not None and new < old:
            raise invalid_value("Limits of a resurrected run may only rise.")
    restart = call.flag("restartOnError")
    options.build = build or options.build
    options.timeout_secs = options.timeout_secs if timeout is None else timeout
    options.memory_mbytes = memory or options.memory_mbytes
    options.max_items = max_items or options.max_items
    options.max_total_charge_usd = max_charge or options.max_total_charge_usd
    options.restart_on_error = options.restart_on_error if restart is None else restart
    run.resurrect()
    return data_response(run_object(run))


@RUN.on("POST", "/reboot")
async def _reboot_run(call: Call, run: Run) -> Response:
    """Start the Actor's code anew in the same run."""
    run.reboot()
    return data_response(run_object(run))


@RUN.on("POST", "/metamorph")
async def _metamorph_run(call: Call, run: Run) -> Response:
    target = call.text("targetActorId")
    if target is None:
        raise invalid_value("Parameter targetActorId is required.")
    actor = find_actor(call, target.replace("/", "~"))
    build = call.text("build")
    if build is not None:
        check_build(actor, build)
    body = await call.body()
    record = Record(body, call.request.headers.get("Content-Type", JSON_TYPE)) if body else None
    run.metamorph(actor, record)
    return data_response(run_object(run))


@RUN.on("POST", "/charge")
async def _charge_run(call: Call, run: Run) -> Response:
    """Charge events of a pay-per-event run, once for each ``idempotency-key``."""
    body = await call.json_object()
    event, count = body.get("eventName"), body.get("count", 1)
    if not isinstance(event, str) or not event or type(count) is not int or count < 0:
        raise invalid_request("A charge needs an eventName, and a count that is a whole number.")
    if not run.actor.pay_per_event:
        raise ApiError(
            400, "cannot-charge-non-pay-per-event-actor", "Only pay-per-event Actors can be charged."
        )
    if event not in run.actor.pay_per_event:
        raise ApiError(400, "cannot-charge-apify-event", f"The Actor has no event {event}.")
    key = call.request.headers.get("idempotency-key")
    if key is None or key not in run.charge_keys:
        run.charge_keys.add(key or "")
        run.charge(event, count)
    return json_response({}, 201)


def _moment(call: Call, name: str) -> float | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise invalid_value(f"Parameter {name} must be a time in ISO 8601.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
