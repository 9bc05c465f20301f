"""The environment variables (``APIFY_*``, ``ACTOR_*``) that an Actor's process is given."""

from __future__ import annotations

import json
import os
from typing import Any

from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.run_life_cycle import Run

# A program needs these; whatever else this machine's variables hold is none of an Actor's business.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


def environment(run: Run, url: str, token: str) -> dict[str, str]:
    """Return the variables that Apify sets, the Actor's ``env``, and the little that a program needs."""
    timeout = run.options.timeout_secs
    pricing = run.actor.pricing_info()
    own: dict[str, Any] = {
        "APIFY_IS_AT_HOME": "1",
        "APIFY_TOKEN": token,
        "APIFY_API_BASE_URL": url,
        "APIFY_API_PUBLIC_BASE_URL": url,
        "APIFY_USER_ID": run.user.id,
        "APIFY_USER_IS_PAYING": "1" if run.user.is_paying else "0",
        "APIFY_META_ORIGIN": run.meta["origin"],
        "APIFY_DEDICATED_CPUS": run.options.memory_mbytes / 4096,
        "APIFY_ACTOR_PRICING_INFO": json.dumps(pricing) if pricing else None,
        "APIFY_CHARGED_ACTOR_EVENT_COUNTS": json.dumps(run.charged) if pricing else None,
        "ACTOR_ID": run.actor.id,
        "ACTOR_FULL_NAME": run.actor.full_name,
        "ACTOR_RUN_ID": run.id,
        "ACTOR_TASK_ID": run.task.id if run.task else None,
        "ACTOR_BUILD_ID": run.actor.build_id,
        "ACTOR_BUILD_NUMBER": run.actor.build_number,
        "ACTOR_BUILD_TAGS": run.actor.default_build,
        "ACTOR_DEFAULT_DATASET_ID": run.dataset.id,
        "ACTOR_DEFAULT_KEY_VALUE_STORE_ID": run.store.id,
        "ACTOR_DEFAULT_REQUEST_QUEUE_ID": run.queue.id,
        "ACTOR_INPUT_KEY": run.input_key,
        "ACTOR_MEMORY_MBYTES": run.options.memory_mbytes,
        "ACTOR_STARTED_AT": iso(run.started_at),
        "ACTOR_TIMEOUT_AT": iso(run.started_at + timeout) if timeout else None,
        "ACTOR_MAX_PAID_DATASET_ITEMS": run.options.max_items,
        "ACTOR_MAX_TOTAL_CHARGE_USD": run.options.max_total_charge_usd,
        "ACTOR_EVENTS_WEBSOCKET_URL": f"{url.replace('http', 'ws', 1)}/__emulator__/events/{run.id}",
    }
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **run.actor.env,
        **{name: str(value) for name, value in own.items() if value is not None},
    }
