"""Builds: each Actor has the one it was registered with."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_apify.emulator.accounts import Actor
from airflow_provider_apify.emulator.call import Answer, Call, data_answer
from airflow_provider_apify.emulator.clock import iso
from airflow_provider_apify.emulator.errors import not_found
from airflow_provider_apify.emulator.routes.actors import ACTOR
from airflow_provider_apify.emulator.routing import Router


def register(router: Router) -> None:
    """Add the builds by id."""
    router.add("GET", "/v2/actor-builds", list_builds)
    router.add("GET", "/v2/actor-builds/{buildId}", get_build)
    router.add("GET", "/v2/actor-builds/{buildId}/log", get_log)


async def list_builds(call: Call) -> Answer:
    """Answer with the builds of the user's Actors."""
    user = call.user
    return call.page([actor for actor in _actors(call) if actor.user_id == user.id], _short)


async def get_build(call: Call) -> Answer:
    """Answer with a build."""
    return data_answer(_full(_built(call)))


async def get_log(call: Call) -> Answer:
    """Answer with the log of a build."""
    return log_of_build(call, _built(call))


def find_built(call: Call, build_id: str) -> Actor | None:
    """Find the Actor that a build belongs to."""
    user = call.anyone
    for actor in _actors(call):
        if actor.build_id == build_id and user and (actor.is_public or actor.user_id == user.id):
            return actor
    return None


def log_of_build(call: Call, actor: Actor) -> Answer:
    """Answer with what a build has to say: there was nothing to do."""
    for name in ("stream", "download", "raw"):
        call.flag(name)
    line = f"{iso(actor.created_at)} ACTOR: Build {actor.build_number} finished.\n"
    return Answer(body=line.encode(), content_type="text/plain; charset=utf-8")


@ACTOR.on("GET", "/builds")
async def list_actor_builds(call: Call, actor: Actor) -> Answer:
    """Answer with the builds of an Actor."""
    return call.page([actor], _short)


@ACTOR.on("GET", "/builds/default")
async def get_default_build(call: Call, actor: Actor) -> Answer:
    """Answer with the Actor's default build, which tells its input schema."""
    return data_answer(_full(actor))


@ACTOR.on("GET", "/builds/{buildId}")
async def get_actor_build(call: Call, actor: Actor) -> Answer:
    """Answer with a build of an Actor."""
    if call.params["buildId"] != actor.build_id:
        raise not_found("Actor build")
    return data_answer(_full(actor))


def _built(call: Call) -> Actor:
    assert call.user
    actor = find_built(call, call.params["buildId"])
    if actor is None:
        raise not_found("Actor build")
    return actor


def _actors(call: Call) -> list[Actor]:
    return list(call.platform.actors.values())


def _short(actor: Actor) -> dict[str, Any]:
    return {
        "id": actor.build_id,
        "actId": actor.id,
        "userId": actor.user_id,
        "status": "SUCCEEDED",
        "startedAt": iso(actor.created_at),
        "finishedAt": iso(actor.created_at),
        "usageTotalUsd": 0,
        "buildNumber": actor.build_number,
        "meta": {"origin": "DEVELOPMENT"},
    }


def _full(actor: Actor) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "actorSpecification": 1,
        "name": actor.name,
        "version": actor.build_number.rpartition(".")[0],
    }
    if actor.input_schema is not None:
        definition["input"] = actor.input_schema
    return {
        **_short(actor),
        "stats": {"durationMillis": 0, "runTimeSecs": 0, "computeUnits": 0},
        "options": {"useCache": False, "betaPackages": False, "memoryMbytes": 1024, "diskMbytes": 2048},
        "usage": {"ACTOR_COMPUTE_UNITS": 0},
        "usageUsd": {"ACTOR_COMPUTE_UNITS": 0},
        "inputSchema": json.dumps(actor.input_schema) if actor.input_schema is not None else None,
        "readme": None,
        "actorDefinition": definition,
    }
