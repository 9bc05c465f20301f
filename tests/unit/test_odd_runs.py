"""Whatever the API says of a run, what is made from it is plain, bounded, and never fails a task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyServerError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook

RUN_ID = "HG7ML7M8z78YcAPEB"
DEEP: Any = "x"
for _ in range(900):
    DEEP = {"a": [DEEP]}
#: As Airflow writes objects into XComs.
OBJECT = {"__type": "dict", "__var": {"__classname__": "airflow.sdk.Connection"}}
ODD: list[Any] = [
    *(
        "x" * 10**6,
        "\0" * 600,
        "\U0001f40e" * 600,
        "\ud800",
        "\x1b[2K\n::group::",
        "../..",
        "javascript:alert(1)",
    ),
    *(OBJECT, DEEP, [], {}, [OBJECT], True, 10**400, -(10**400), float("nan"), float("inf"), 1e308, None),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "now", "P1D", "2026-11-27"),
    {"x" * 10**6: 1, "a": OBJECT, "b": 10**400, "c": float("nan"), "d": True, "e": "1", "\x1b": 1, "f": -1.5},
    {f"USAGE_{n:034}": 0.12345678901234567 + n for n in range(5_000)},
]
REAL = {
    **dict.fromkeys(("id", "actId", "actorTaskId"), RUN_ID),
    **{f"default{kind}Id": RUN_ID for kind in ("Dataset", "KeyValueStore", "RequestQueue")},
    "status": "TIMED-OUT",
    "startedAt": "2026-11-27T08:00:00.123Z",
    "finishedAt": "2026-11-27T08:00:01.123Z",
    "statusMessage": "Done",
    "usage": {"ACTOR_COMPUTE_UNITS": 0.5, "DATASET_WRITES": 0},
    "usageTotalUsd": 0.25,
    "exitCode": 0,
    "buildNumber": "0.1.2",
    "consoleUrl": "javascript:alert(1)",
}


def check(run: ActorRun) -> None:
    info = run.info
    assert len(json.dumps(info, allow_nan=False)) <= 2_000
    assert info.keys() == REAL.keys()
    assert all(isinstance(amount, int | float) for amount in info.pop("usage").values())
    assert all(value is None or type(value) in (str, int, float) for value in info.values())
    assert info["consoleUrl"] == f"https://console.apify.com/actors/runs/{RUN_ID}"
    assert run.ended >= 0
    assert isinstance(run.user_agent, str | None)
    assert f"{run.cost or 0:.4f} {run.usage} {run.status_message}".isprintable()


def test_a_real_run_is_kept_as_it_is() -> None:
    run = ActorRun(REAL)
    assert run.info == {
        **REAL,
        "usage": {"ACTOR_COMPUTE_UNITS": 0.5},
        "consoleUrl": f"https://console.apify.com/actors/runs/{RUN_ID}",
    }
    assert ActorRun(run.info).info == run.info
    check(run)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_run_is_plain_whatever_it_holds(odd: Any) -> None:
    parts: dict[str, Any] = {"meta": odd, "stats": odd, "options": odd, "pricingInfo": odd}
    inner = {
        "meta": {"userAgent": odd, "origin": odd},
        "stats": {"resurrectCount": odd},
        "options": {"maxTotalChargeUsd": odd},
        "pricingInfo": {"pricingModel": odd},
    }
    for key in (REAL | parts).keys() - {"id", "status"}:
        check(ActorRun(REAL | {key: odd}))
    check(ActorRun({**dict.fromkeys(REAL, odd), **parts, "id": RUN_ID, "status": "FAILED"}))
    check(ActorRun(REAL | inner))


@pytest.mark.parametrize("key", ["id", "status"])
def test_a_run_has_an_id_and_a_status(key: str) -> None:
    for odd in (*(value for value in ODD if not isinstance(value, str)), "", "../..", "a b", "x" * 10**6):
        with pytest.raises(ValueError, match="without id or status"):
            ActorRun({**REAL, key: odd})


def test_the_largest_run_info_has_two_kilobytes() -> None:
    text = {key: "a" * 32 for key, value in REAL.items() if isinstance(value, str)}
    moment, amount = "2026-11-27T08:00:00.1234567890123+00:00", -1.2345678901234567e-300
    largest = text | {
        **{"id": RUN_ID, "statusMessage": "\U0001f40e" * 500, "exitCode": amount, "usageTotalUsd": amount},
        **{"startedAt": moment, "finishedAt": moment},
        "usage": {f"U{n:039}": amount for n in range(50)},
    }
    check(ActorRun(largest))
    assert len(ActorRun(REAL | {"statusMessage": "x" * 9_000}).info["statusMessage"]) >= 500


@pytest.mark.parametrize("depth", [10, 100_000])
def test_a_run_that_is_none_is_not_apifys(
    emulator: Emulator, server: Any, fast_clock: Any, depth: int
) -> None:
    hook, body = ApifyHook(), '{"data": {"id": ' + "[" * depth + "]" * depth + ', "status": "READY"}}'
    emulator.faults.add(Fault("answer", "GET", "*", status=200, body=body, content_type="application/json"))
    with pytest.raises(ApifyServerError, match="not Apify's"):
        hook.get_run("r")
    emulator.faults.clear()
    body = json.dumps({"data": {"items": [REAL, None]}})
    emulator.faults.add(Fault("answer", "GET", "*", status=200, body=body, content_type="application/json"))
    with pytest.raises(ApifyServerError, match="not Apify's"):
        hook.list_runs()
