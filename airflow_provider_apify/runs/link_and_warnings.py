"""What a task tells of a run as soon as it is known: log line, link, XComs, a warning about its cost."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.runs.best_effort import best_effort


def announce(run: ActorRun, ti: Any, log: Any) -> None:
    """Log the run with its page in Apify Console, and show the link in Airflow's UI."""
    log.info("Run %s is %s: %s", run.id, run.status, run.console_url)
    show_link(run.console_url, ti, log)


def show_link(url: str, ti: Any, log: Any) -> None:
    """Show the link to a run in Airflow's UI."""
    with best_effort(log, f"the link to {url}"):
        ApifyConsoleLink().push(ti, url)


def warn_of_unlimited_cost(run: ActorRun, log: Any, max_total_charge_usd: Any) -> None:
    """Warn if a run is charged per event without a limit."""
    is_paid_per_event = run.data["pricingInfo"]["pricingModel"] == "PAY_PER_EVENT"
    if is_paid_per_event and max_total_charge_usd is None:
        limit = run.data["options"]["maxTotalChargeUsd"]
        log.warning(
            "The Actor charges per event, and no `max_total_charge_usd` limits the run: it may cost %s.",
            "any amount" if limit is None else f"up to ${limit}, Apify's own limit for it",
        )


def push_ids(run: ActorRun, ti: Any, log: Any) -> None:
    """Make XComs of a run's IDs already now: callbacks of a task that fails while it waits have them too."""
    with best_effort(log, f"the XComs of the run {run.id}"):
        for key in ("id", "defaultDatasetId", "defaultKeyValueStoreId"):
            if run.data.get(key):
                ti.xcom_push(key=key, value=run.data[key])
