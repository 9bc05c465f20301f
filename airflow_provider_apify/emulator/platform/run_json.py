"""The run object of the API: the fields that a single run and a list of runs show."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.run_costs import (
    USD_PER_COMPUTE_UNIT,
    compute_units,
    run_seconds,
    total_usd,
)
from airflow_provider_apify.emulator.platform.run_life_cycle import Run


def run_object(run: Run, *, private: bool = True) -> dict[str, Any]:
    """Return the run object of the API; ``private`` adds the costs, shown only to callers with a token."""
    memory, units = run.options.memory_mbytes, compute_units(run)
    stats: dict[str, Any] = {
        "inputBodyLen": len(run.input.value) if run.input else 0,
        **run.counts,
        "computeUnits": units if run.is_finished else 0,
    }
    if run.is_finished:
        stats |= {
            "durationMillis": int(run_seconds(run) * 1000),
            "runTimeSecs": run_seconds(run),
            "metamorph": len(run.metamorphs),
            "memMaxBytes": run.peak_memory_bytes,
        }
    shown: dict[str, Any] = {
        **_common(run),
        "statusMessage": run.status_message,
        "isStatusMessageTerminal": run.is_status_message_terminal,
        "meta": run.meta,
        "stats": stats,
        "options": {
            "build": run.options.build,
            "timeoutSecs": run.options.timeout_secs,
            "memoryMbytes": memory,
            "diskMbytes": memory * 2,
        },
        "exitCode": run.exit_code,
        "generalAccess": run.general_access,
        "storageIds": {
            "datasets": {"default": run.dataset.id},
            "keyValueStores": {"default": run.store.id},
            "requestQueues": {"default": run.queue.id},
        },
        "containerUrl": f"https://{run.id.lower()}.runs.apify.net",
        "isContainerServerReady": False,
        "gitBranchName": None,
        "metamorphs": run.metamorphs or None,
        "platformUsageBillingModel": "USER",
        "consoleUrl": f"https://console.apify.com/actors/runs/{run.id}",
    }
    for name, value in (
        ("maxItems", run.options.max_items),
        ("maxTotalChargeUsd", run.options.max_total_charge_usd),
    ):
        if value is not None:
            shown["options"][name] = value
    pricing = run.actor.pricing_info()
    if pricing:
        shown["pricingInfo"] = pricing
        shown["chargedEventCounts"] = dict.fromkeys(run.actor.pay_per_event, 0) | run.charged
    if run.integration:
        shown["integrationTracking"] = run.integration
    if private:
        shown |= {
            "usage": {"ACTOR_COMPUTE_UNITS": units, "DATASET_WRITES": run.dataset.writes},
            "usageTotalUsd": total_usd(run),
            "usageUsd": {"ACTOR_COMPUTE_UNITS": units * USD_PER_COMPUTE_UNIT, "DATASET_WRITES": 0},
        }
    return {**shown, **run.platform.switches.unknown_fields}


def listed_run_object(run: Run) -> dict[str, Any]:
    """Return the run as lists show it."""
    switches = run.platform.switches
    meta = run.meta if switches.list_user_agent else {"origin": run.meta["origin"]}
    return {**_common(run), "meta": meta, "usageTotalUsd": total_usd(run), **switches.unknown_fields}


def _common(run: Run) -> dict[str, Any]:
    unknown = run.platform.switches.unknown_status
    return {
        "id": run.id,
        "actId": run.actor.id,
        "userId": run.user.id,
        "actorTaskId": run.task.id if run.task else None,
        "startedAt": iso(run.started_at),
        "finishedAt": iso(run.finished_at) if run.finished_at is not None else None,
        "status": unknown if unknown and run.status == "RUNNING" else run.status,
        "buildId": run.actor.build_id,
        "buildNumber": run.actor.build_number,
        "defaultKeyValueStoreId": run.store.id,
        "defaultDatasetId": run.dataset.id,
        "defaultRequestQueueId": run.queue.id,
    }
