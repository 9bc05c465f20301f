"""Runs: lists, long poll, abort and the rest of a run's life."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_apify.emulator.accounts import User
from airflow_provider_apify.emulator.call import (
    JSON_TYPE,
    MAX_SECONDS,
    Answer,
    Call,
    data_answer,
    json_answer,
)
from airflow_provider_apify.emulator.errors import ApiError, invalid_request, invalid_value, not_found
from airflow_provider_apify.emulator.routes.access import own_runs
from airflow_provider_apify.emulator.routes.starts import check_build, check_memory, wait
from airflow_provider_apify.emulator.routing import Family, Router
from airflow_provider_apify.emulator.runs import STATUSES, Run
from airflow_provider_apify.emulator.storages import Record

RUN: Family[Run] = Family()
GENERAL_ACCESS = ("ANYONE_WITH_ID_CAN_READ", "ANYONE_WITH_NAME_CAN_READ", "FOLLOW_USER_SETTING", "RESTRICTED")


def register(router: Router) -> None:
    """Add the list of all runs."""
    router.add("GET", "/v2/actor-runs", list_all)


async def list_all(call: Call) -> Answer:
    """Answer with the user's runs."""
    return list_runs(call, own_runs(call, call.user))


def list_runs(call: Call, runs: list[Run], *, by_time: bool = True) -> Answer:
    """Answer with some of the runs, by ``status``, ``startedAfter`` and ``startedBefore``."""
    statuses = set(call.names("status"))
    if not statuses <= STATUSES:
        raise invalid_value(f"Parameter status must be one of: {', '.join(sorted(STATUSES))}.")
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
    return call.page(runs, Run.describe_short)


@RUN.on("GET")
async def get_run(call: Call, run: Run) -> Answer:
    """Answer with a run, once it has ended or ``waitForFinish`` is over."""
    await wait(call, run)
    return data_answer(run.describe(private=call.anyone is not None))


@RUN.on("PUT")
async def put_run(call: Call, run: Run) -> Answer:
    """Change the status message or the access of a run."""
    body = await call.json_object()
    message = body.get("statusMessage", run.status_message or "")
    terminal = body.get("isStatusMessageTerminal", False)
    if not isinstance(message, str) or not isinstance(terminal, bool) or body.get("runId", run.id) != run.id:
        raise invalid_request(
            "statusMessage must be a string, isStatusMessageTerminal a boolean, runId this run's."
        )
    if "generalAccess" in body:
        run.general_access = general_access(body["generalAccess"])
    if "statusMessage" in body:
        run.status_message, run.is_status_message_terminal = message, terminal
    return data_answer(run.describe())


@RUN.on("DELETE")
async def delete_run(call: Call, run: Run) -> Answer:
    """Delete a finished run."""
    if not run.is_finished:
        raise ApiError(
            400, "cannot-remove-running-run", "It is not possible to delete a run that has not finished yet."
        )
    with call.platform.lock:
        call.platform.runs.pop(run.id, None)
    return Answer(204)


@RUN.on("POST", "/abort")
async def abort_run(call: Call, run: Run) -> Answer:
    """Abort a run."""
    gracefully = bool(call.flag("gracefully"))
    was_finished = run.is_finished
    effective = run.abort(gracefully=gracefully)
    call.platform.aborts.append({"runId": run.id, "effective": effective})
    if was_finished and call.platform.switches.abort_finished == "refuse":
        raise ApiError(400, "job-finished", "Actor job is already finished.")
    return data_answer(run.describe())


@RUN.on("POST", "/resurrect")
async def resurrect_run(call: Call, run: Run) -> Answer:
    """Bring a finished run back to life."""
    if not run.is_finished:
        raise invalid_request("Only finished runs can be resurrected.")
    build, timeout, memory = (
        call.text("build"),
        call.integer("timeout", maximum=MAX_SECONDS),
        call.integer("memory"),
    )
    max_items, max_charge = call.integer("maxItems", 1), call.number("maxTotalChargeUsd")
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
    return data_answer(run.describe())


@RUN.on("POST", "/reboot")
async def reboot_run(call: Call, run: Run) -> Answer:
    """Start the Actor's code anew in the same run."""
    run.reboot()
    return data_answer(run.describe())


@RUN.on("POST", "/metamorph")
async def metamorph_run(call: Call, run: Run) -> Answer:
    """Go on as a run of another Actor."""
    target = call.text("targetActorId")
    if target is None:
        raise invalid_value("Parameter targetActorId is required.")
    user: User = call.user
    actor = call.platform.find(call.platform.actors, target.replace("/", "~"), user, bare=True)
    if actor is None or not (actor.is_public or actor.user_id == user.id):
        raise not_found("Actor")
    build = call.text("build")
    if build is not None:
        check_build(actor, build)
    body = await call.body()
    record = Record(body, call.request.headers.get("Content-Type", JSON_TYPE)) if body else None
    run.metamorph(actor, record)
    return data_answer(run.describe())


@RUN.on("POST", "/charge")
async def charge_run(call: Call, run: Run) -> Answer:
    """Charge events of a pay-per-event run; repeating an ``idempotency-key`` charges once."""
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
    return json_answer({}, 201)


@RUN.on("GET", "/log")
async def get_run_log(call: Call, run: Run) -> Answer:
    """Answer with the log of a run."""
    from airflow_provider_apify.emulator.routes.logs import log_answer

    return log_answer(call, run)


def general_access(value: object) -> str:
    """Return a value of ``generalAccess``.

    :raises ApiError: if it is none of the known ones.
    """
    if value not in GENERAL_ACCESS:
        raise invalid_request(f"generalAccess must be one of: {', '.join(GENERAL_ACCESS)}.")
    return str(value)


def _moment(call: Call, name: str) -> float | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise invalid_value(f"Parameter {name} must be a time in ISO 8601.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
