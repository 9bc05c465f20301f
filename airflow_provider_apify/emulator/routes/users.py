"""Users."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator.accounts import User
from airflow_provider_apify.emulator.call import Answer, Call, data_answer
from airflow_provider_apify.emulator.clock import iso
from airflow_provider_apify.emulator.errors import invalid_request, not_found
from airflow_provider_apify.emulator.routing import Router

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


def register(router: Router) -> None:
    """Add the operations on users."""
    router.add("GET", "/v2/users/me", get_me)
    router.add("GET", "/v2/users/me/limits", get_limits)
    router.add("PUT", "/v2/users/me/limits", put_limits)
    router.add("GET", "/v2/users/me/usage/monthly", get_monthly_usage)
    router.add("GET", "/v2/users/{userId}", get_user)


async def get_me(call: Call) -> Answer:
    """Answer with the caller's account."""
    user = call.user
    if call.inside_run:
        return data_answer(_public(user))
    return data_answer(
        {
            **_public(user),
            "email": f"{user.username}@example.com",
            "createdAt": iso(user.created_at),
            "isPaying": user.is_paying,
            "proxy": {"password": user.proxy_password, "groups": []},
            "plan": _plan(user),
            "effectivePlatformFeatures": {
                feature: {
                    "isEnabled": True,
                    "disabledReason": None,
                    "disabledReasonType": None,
                    "isTrial": False,
                    "trialExpirationAt": None,
                }
                for feature in FEATURES
            },
        }
    )


async def get_user(call: Call) -> Answer:
    """Answer with what everyone may know of an account."""
    reference = call.params["userId"]
    user = call.platform.users.get(reference) or call.platform.user_named(reference)
    if user is None:
        raise not_found("User")
    return data_answer(_public(user))


async def get_limits(call: Call) -> Answer:
    """Answer with the limits of the account and how much of them is used."""
    user = call.user
    active = [run for run in call.platform.runs.values() if run.user is user and not run.is_finished]
    return data_answer(
        {
            "monthlyUsageCycle": _cycle(call),
            "limits": {
                "maxMonthlyUsageUsd": 300,
                "maxMonthlyActorComputeUnits": 1000,
                "maxMonthlyExternalDataTransferGbytes": 7,
                "maxMonthlyProxySerps": 50,
                "maxMonthlyResidentialProxyGbytes": 0.5,
                "maxActorMemoryGbytes": user.max_memory_mbytes / 1024,
                "maxActorCount": 500,
                "maxActorTaskCount": 5000,
                "maxScheduleCount": 100,
                "maxConcurrentActorJobs": user.max_concurrent_runs,
                "maxTeamAccountSeatCount": 9,
                "dataRetentionDays": user.retention_days,
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


async def put_limits(call: Call) -> Answer:
    """Take new limits and forget them: the emulator bills nothing."""
    assert call.user
    body = await call.json_object(required=False)
    for name, kinds in (("maxMonthlyUsageUsd", (int, float)), ("dataRetentionDays", (int,))):
        if type(body.get(name, 0)) not in kinds:
            raise invalid_request(f"{name} must be {'a number' if float in kinds else 'an integer'}.")
    return data_answer({}, 201)


async def get_monthly_usage(call: Call) -> Answer:
    """Answer with the usage of a month: nothing."""
    assert call.user
    return data_answer(
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
        "id": "EMULATOR",
        "description": "Plan of the emulator",
        "isEnabled": True,
        "monthlyBasePriceUsd": 0,
        "monthlyUsageCreditsUsd": 0,
        "usageDiscountPercent": 0,
        "enabledPlatformFeatures": FEATURES,
        "maxMonthlyUsageUsd": 300,
        "maxActorMemoryGbytes": user.max_memory_mbytes / 1024,
        "maxMonthlyActorComputeUnits": 1000,
        "maxMonthlyResidentialProxyGbytes": 0.5,
        "maxMonthlyProxySerps": 50,
        "maxMonthlyExternalDataTransferGbytes": 7,
        "maxActorCount": 500,
        "maxActorTaskCount": 5000,
        "dataRetentionDays": user.retention_days,
        "availableProxyGroups": {},
        "teamAccountSeatCount": 9,
        "supportLevel": "COMMUNITY",
        "availableAddOns": [],
        "maxScheduleCount": 100,
        "maxConcurrentActorRuns": user.max_concurrent_runs,
    }


def _cycle(call: Call) -> dict[str, str]:
    start = call.platform.clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (
        start.replace(year=start.year + 1, month=1)
        if start.month == 12
        else start.replace(month=start.month + 1)
    )
    return {"startAt": iso(start.timestamp()), "endAt": iso(end.timestamp() - 0.001)}
