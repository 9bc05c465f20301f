"""The cost of a run: compute units, charged events, and when the figures are final."""

from __future__ import annotations

import math

from airflow_provider_apify.emulator.platform.run_life_cycle import Run

USD_PER_COMPUTE_UNIT = 0.3


def run_seconds(run: Run) -> float:
    """Return how long a run has taken, or has been going on."""
    return (run.finished_at or run.platform.clock.time()) - run.started_at


def compute_units(run: Run) -> float:
    """Return the compute units of a run; an hour with 1 GB of memory takes one."""
    return run_seconds(run) / 3600 * run.options.memory_mbytes / 1024


def total_usd(run: Run) -> float:
    """Return the cost that the API tells; ``Switches.usage_settle_seconds`` may make it lag behind."""
    events = sum(run.actor.pay_per_event.get(event, 0) * count for event, count in run.charged.items())
    cost = compute_units(run) * USD_PER_COMPUTE_UNIT + events
    final_at = (run.finished_at or -math.inf) + run.platform.switches.usage_settle_seconds
    return cost if run.platform.clock.time() >= final_at else cost / 2
