"""``/v2/actor-builds``: the only build of each Actor."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.api_errors import not_found
from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.routes.actor_endpoints import ACTOR
from airflow_provider_apify.emulator.server.list_pagination import page_response
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response
from airflow_provider_apify.emulator.server.routing import Operations

BUILDS: Operations[User] = Operations()
BUILD: Operations[Actor] = Operations()


def build_of(call: Call) -> Actor:
    """Find the Actor of the build ``{buildId}``."""
    assert call.user
    actor = find_built(call, call.params["buildId"])
    if actor is None:
        raise not_found("Actor build")
    return actor


def find_built(call: Call, build_id: str) -> Actor | None:
    """Find the Actor that a build belongs to."""
    user = call.anyone
    for actor in tuple(call.platform.actors.values()):
        if actor.build_id == build_id and user and (actor.is_public or actor.user_id == user.id):
            return actor
    return None


@BUILDS.on("GET")
async def _list_builds(call: Call, user: User) -> Response:
    own = [actor for actor in tuple(call.platform.actors.values()) if actor.user_id == user.id]
    return page_response(call, own, _short)


@BUILD.on("GET")
@ACTOR.on("GET", "/builds/default")
async def _get_build(call: Call, actor: Actor) -> Response:
    """Answer with the only build of an Actor, which has the input schema."""
    return data_response(_full(actor))


@BUILD.on("GET", "/log")
async def get_build_log(call: Call, actor: Actor) -> Response:
    """Answer with the log of a build: one line."""
    for name in ("stream", "download", "raw"):
        call.flag(name)
    line = f"{iso(actor.created_at)} ACTOR: Build {actor.build_number} finished.\n"
    return Response(body=line.encode(), content_type="text/plain; charset=utf-8")


@ACTOR.on("GET", "/builds")
async def _list_actor_builds(call: Call, actor: Actor) -> Response:
    return page_response(call, [actor], _short)


@ACTOR.on("GET", "/builds/{buildId}")
async def _get_actor_build(call: Call, actor: Actor) -> Response:
    if call.params["buildId"] != actor.build_id:
        raise not_found("Actor build")
    return data_response(_full(actor))


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
