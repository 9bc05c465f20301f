"""``/v2/users``: the caller's account, its limits and its usage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import invalid_request, not_found
from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response
from airflow_provider_apify.emulator.server.routing import Operations

ME: Operations[User] = Operations()
ENABLED = {
    "isEnabled": True,
    "disabledReason": None,
    "disabledReasonType": None,
    "isTrial": False,
    "trialExpirationAt": None,
}
FEATURES = [
    "ACTORS",
    "STORAGE",
    "SCHEDULER",
    "PROXY",
    "PROXY_EXTERNAL_ACCESS",
    "PROXY_RESIDENTIAL",
    "PROXY_SERPS",
    "WEBHOOKS",
    "ACTORS_PUBLIC_ALL",
    "ACTORS_PUBLIC_DEVELOPER",
]


@ME.on("GET")
async def _get_me(call: Call, user: User) -> Response:
    if call.inside_run:
        return data_response(_public(user))
    return data_response(
        {
            **_public(user),
            "email": f"{user.username}@example.com",
            "createdAt": iso(user.created_at),
            "isPaying": user.is_paying,
            "proxy": {"password": user.proxy_password, "groups": []},
            "plan": _plan(user),
            "effectivePlatformFeatures": dict.fromkeys(FEATURES, ENABLED),
        }
    )


async def get_user(call: Call) -> Response:
    """Answer with the public part of an account."""
    reference = call.params["userId"]
    user = call.platform.users.get(reference) or call.platform.user_named(reference)
    if user is None:
        raise not_found("User")
    return data_response(_public(user))


@ME.on("GET", "/limits")
async def _get_limits(call: Call, user: User) -> Response:
    """Answer with the limits of the account and their current use."""
    active = call.platform.unfinished_runs(user)
    return data_response(
        {
            "monthlyUsageCycle": _cycle(call),
            "limits": {
                **_limits(user),
                "maxConcurrentActorJobs": user.max_concurrent_runs,
                "maxTeamAccountSeatCount": 9,
            },
            "current": {
                "monthlyUsageUsd": 0,
                "monthlyActorComputeUnits": 0,
                "monthlyExternalDataTransferGbytes": 0,
                "monthlyProxySerps": 0,
                "monthlyResidentialProxyGbytes": 0,
                "actorMemoryGbytes": sum(run.options.memory_mbytes for run in active) / 1024,
                "actorCount": sum(actor.user_id == user.id for actor in call.platform.actors.values()),
                "actorTaskCount": sum(task.user_id == user.id for task in call.platform.tasks.values()),
                "activeActorJobCount": len(active),
                "teamAccountSeatCount": 1,
                "scheduleCount": 0,
            },
        }
    )


@ME.on("PUT", "/limits")
async def _put_limits(call: Call, user: User) -> Response:
    """Accept new limits without effect: the emulator bills nothing."""
    body = await call.json_object(required=False)
    for name, kinds in (("maxMonthlyUsageUsd", (int, float)), ("dataRetentionDays", (int,))):
        if type(body.get(name, 0)) not in kinds:
            raise invalid_request(f"{name} must be {'a number' if float in kinds else 'an integer'}.")
    return data_response({}, 201)


@ME.on("GET", "/usage/monthly")
async def _get_monthly_usage(call: Call, user: User) -> Response:
    """Answer with the usage of the month, which is always empty."""
    return data_response(
        {
            "usageCycle": _cycle(call),
            "monthlyServiceUsage": {},
            "dailyServiceUsages": [],
            "totalUsageCreditsUsdBeforeVolumeDiscount": 0,
            "totalUsageCreditsUsdAfterVolumeDiscount": 0,
        }
    )


def _public(user: User) -> dict[str, Any]:
    return {"id": user.id, "username": user.username, "profile": {"name": user.username}}


def _plan(user: User) -> dict[str, Any]:
    return {
        **_limits(user),
        "id": "EMULATOR",
        "description": "Plan of the emulator",
        "isEnabled": True,
        "monthlyBasePriceUsd": 0,
        "monthlyUsageCreditsUsd": 0,
        "usageDiscountPercent": 0,
        "enabledPlatformFeatures": FEATURES,
        "availableProxyGroups": {},
        "teamAccountSeatCount": 9,
        "supportLevel": "COMMUNITY",
        "availableAddOns": [],
        "maxConcurrentActorRuns": user.max_concurrent_runs,
    }


def _limits(user: User) -> dict[str, Any]:
    return {
        "maxMonthlyUsageUsd": 300,
        "maxMonthlyActorComputeUnits": 1000,
        "maxMonthlyExternalDataTransferGbytes": 7,
        "maxMonthlyProxySerps": 50,
        "maxMonthlyResidentialProxyGbytes": 0.5,
        "maxActorMemoryGbytes": user.max_memory_mbytes / 1024,
        "maxActorCount": 500,
        "maxActorTaskCount": 5000,
        "maxScheduleCount": 100,
        "dataRetentionDays": user.retention_days,
    }


def _cycle(call: Call) -> dict[str, str]:
    start = call.platform.clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    return {"startAt": iso(start.timestamp()), "endAt": iso(end.timestamp() - 0.001)}
