"""``/v2/actors``: lists, get, start a run, validate input."""

from __future__ import annotations

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import ApiError
from airflow_provider_apify.emulator.platform.run_options import check_build
from airflow_provider_apify.emulator.platform.schema_validation import check_input
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.routes.resource_access import own_runs
from airflow_provider_apify.emulator.routes.run_endpoints import runs_response
from airflow_provider_apify.emulator.routes.run_start import start_run_response
from airflow_provider_apify.emulator.routes.webhook_endpoints import webhooks_response
from airflow_provider_apify.emulator.server.list_pagination import page_response
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response, json_response
from airflow_provider_apify.emulator.server.routing import Operations

ACTORS: Operations[User] = Operations()
ACTOR: Operations[Actor] = Operations()


@ACTORS.on("GET")
async def _list_actors(call: Call, user: User) -> Response:
    """Answer with the user's Actors and, without ``my``, the public ones that the user has run."""
    mine = call.flag("my")
    used = {run.actor.id for run in own_runs(call, user)}
    actors = [
        actor
        for actor in call.platform.actors.values()
        if actor.user_id == user.id or (not mine and actor.id in used)
    ]
    if call.choice("sortBy", ("createdAt", "stats.lastRunStartedAt")) == "stats.lastRunStartedAt":
        actors.sort(key=lambda actor: actor.last_run_at or 0)
    return page_response(call, actors, Actor.describe_short)


@ACTOR.on("GET")
async def _get_actor(call: Call, actor: Actor) -> Response:
    return data_response(actor.describe())


@ACTOR.on("GET", "/runs")
async def _list_actor_runs(call: Call, actor: Actor) -> Response:
    return runs_response(call, [run for run in own_runs(call, call.user) if run.actor.id == actor.id])


@ACTOR.on("POST", "/runs")
async def _start_actor(call: Call, actor: Actor) -> Response:
    return await start_run_response(call, actor)


@ACTOR.on("POST", "/validate-input")
async def _validate_input(call: Call, actor: Actor) -> Response:
    """Answer whether input fits the Actor's input schema."""
    build = call.text("build")
    if build is not None:
        check_build(actor, build)
    value = await call.json()
    if not isinstance(value, dict):
        raise ApiError(400, "input-json-not-object", "The input must be a JSON object.")
    check_input(actor, value)
    return json_response({"valid": True})


@ACTOR.on("GET", "/webhooks")
async def _list_actor_webhooks(call: Call, actor: Actor) -> Response:
    return webhooks_response(call, "actorId", actor.id)
