"""Actors."""

from __future__ import annotations

from airflow_provider_apify.emulator.accounts import Actor
from airflow_provider_apify.emulator.call import Answer, Call, data_answer, json_answer
from airflow_provider_apify.emulator.errors import ApiError
from airflow_provider_apify.emulator.routes.access import own_runs
from airflow_provider_apify.emulator.routes.runs import list_runs
from airflow_provider_apify.emulator.routes.starts import check_build, check_input, start_answer
from airflow_provider_apify.emulator.routes.webhooks import webhooks_answer
from airflow_provider_apify.emulator.routing import Family, Router

ACTOR: Family[Actor] = Family()


def register(router: Router) -> None:
    """Add the list of Actors."""
    router.add("GET", "/v2/actors", list_actors)


async def list_actors(call: Call) -> Answer:
    """Answer with one's own Actors, and public ones already used, unless ``my``."""
    user = call.user
    mine = call.flag("my")
    used = {run.actor.id for run in own_runs(call, user)}
    actors = [
        actor
        for actor in call.platform.actors.values()
        if actor.user_id == user.id or (not mine and actor.id in used)
    ]
    if call.choice("sortBy", ("createdAt", "stats.lastRunStartedAt")) == "stats.lastRunStartedAt":
        actors.sort(key=lambda actor: actor.last_run_at or 0)
    return call.page(actors, Actor.describe_short)


@ACTOR.on("GET")
async def get_actor(call: Call, actor: Actor) -> Answer:
    """Answer with an Actor."""
    return data_answer(actor.describe())


@ACTOR.on("GET", "/runs")
async def list_actor_runs(call: Call, actor: Actor) -> Answer:
    """Answer with the user's runs of an Actor."""
    return list_runs(call, [run for run in own_runs(call, call.user) if run.actor.id == actor.id])


@ACTOR.on("POST", "/runs")
async def start_actor(call: Call, actor: Actor) -> Answer:
    """Start a run of an Actor."""
    return await start_answer(call, actor)


@ACTOR.on("POST", "/validate-input")
async def validate_input(call: Call, actor: Actor) -> Answer:
    """Say whether the Actor would take some input."""
    build = call.text("build")
    if build is not None:
        check_build(actor, build)
    value = await call.json()
    if not isinstance(value, dict):
        raise ApiError(400, "input-json-not-object", "The input must be a JSON object.")
    check_input(actor, value)
    return json_answer({"valid": True})


@ACTOR.on("GET", "/webhooks")
async def list_actor_webhooks(call: Call, actor: Actor) -> Answer:
    """Answer with the user's webhooks on the Actor."""
    return webhooks_answer(call, "actorId", actor.id)
