from __future__ import annotations

from airflow_provider_apify.emulator import Emulator
from tests.emulator.http_client import HttpClient, error_of


def test_charged_events_are_counted_and_paid(http: HttpClient, emulator: Emulator) -> None:
    emulator.actor("emulator/paid", pay_per_event={"page": 0.5})(lambda actor: actor.charge("page", 3))
    run = http.run("emulator~paid")
    assert run["chargedEventCounts"] == {"page": 3}
    assert run["usageTotalUsd"] >= 1.5
    assert run["pricingInfo"]["pricingModel"] == "PAY_PER_EVENT"
    unpaid = http.run()
    answer = http("POST", f"/v2/actor-runs/{unpaid['id']}/charge", json={"eventName": "page", "count": 1})
    assert error_of(answer) == (400, "cannot-charge-non-pay-per-event-actor")
