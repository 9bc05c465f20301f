"""The Actor of most tests."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator import ActorContext

CRAWLER = "/v2/actors/emulator~crawler"
CRAWLER_RUNS = f"{CRAWLER}/runs"


def crawl(actor: ActorContext) -> None:
    """Do what the input says."""
    wanted: dict[str, Any] = actor.input or {}
    actor.log("crawling")
    actor.push_data([{"n": number, "#hidden": True} for number in range(wanted.get("items", 3))])
    actor.set_value("OUTPUT", {"done": True})
    actor.set_status_message("Crawled")
    if "sleep" in wanted:
        actor.sleep(wanted["sleep"])
    if "charge" in wanted:
        actor.charge("page", wanted["charge"])
    if "fail" in wanted:
        actor.fail("Nothing to crawl", exit_code=wanted["fail"])
    if "crash" in wanted:
        raise ValueError(wanted["crash"])
