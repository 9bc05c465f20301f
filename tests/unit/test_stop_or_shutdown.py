"""Why a task is told to stop, by what Airflow says of it: a row of its database on 2, an answer on 3."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_apify.runs import stop_or_shutdown
from airflow_provider_apify.runs.stop_or_shutdown import StopReason, reason_in_triggerer, reason_on_worker
from tests.unit.conftest import IS_AIRFLOW_3, Airflow

STOPPED, GOES_ON, UNKNOWN = StopReason.STOPPED, StopReason.GOES_ON, StopReason.UNKNOWN

ENDED: list[str | None] = ["success", "failed", "skipped", "upstream_failed", "removed", "restarting"]
GOING_ON: list[str | None] = ["running", "deferred", "up_for_retry", "up_for_reschedule"]
PENDING: list[str | None] = [None, "scheduled", "queued"]

# On 3, where Airflow does not tell whether the number of tries has grown.
PENDING_ON_WORKER = UNKNOWN if IS_AIRFLOW_3 else GOES_ON
PENDING_IN_TRIGGERER = STOPPED if IS_AIRFLOW_3 else GOES_ON


@pytest.mark.parametrize(
    ("states", "on_worker", "in_triggerer"),
    [
        (ENDED, STOPPED, STOPPED),
        (GOING_ON, GOES_ON, GOES_ON),
        (PENDING, PENDING_ON_WORKER, PENDING_IN_TRIGGERER),
    ],
)
def test_the_state_of_the_task_tells(
    airflow: Airflow, states: list[str | None], on_worker: StopReason, in_triggerer: StopReason
) -> None:
    for state in states:
        airflow.knows(state=state)
        assert reason_on_worker(airflow.ti) is on_worker, state
        assert reason_in_triggerer(airflow.ti) is in_triggerer, state


def test_a_task_instance_that_is_gone_was_stopped(airflow: Airflow) -> None:
    assert reason_on_worker(airflow.ti) is STOPPED
    assert reason_in_triggerer(airflow.ti) is STOPPED


@pytest.mark.skipif(IS_AIRFLOW_3, reason="Airflow 3 does not tell how many tries a task has")
@pytest.mark.parametrize("state", GOING_ON + PENDING)
def test_a_clear_raises_the_number_of_tries(airflow: Airflow, state: str | None) -> None:
    airflow.knows(state=state, max_tries=3)
    assert reason_on_worker(airflow.ti) is STOPPED
    assert reason_in_triggerer(airflow.ti) is STOPPED


@pytest.mark.parametrize(("try_number", "reason"), [(2, GOES_ON), (3, STOPPED)])
def test_a_task_without_a_try_left_does_not_go_on(
    airflow: Airflow, try_number: int, reason: StopReason
) -> None:
    airflow.knows(state="running")
    airflow.ti.try_number = try_number
    assert reason_on_worker(airflow.ti) is reason


def test_a_task_whose_time_is_up_was_stopped(airflow: Airflow) -> None:
    airflow.knows(state="running")
    try:
        raise AirflowTaskTimeout("30 s")
    except AirflowTaskTimeout:
        assert reason_on_worker(airflow.ti) is STOPPED


@pytest.mark.parametrize("state", GOING_ON + PENDING)
@pytest.mark.parametrize("seconds_ago", [0, 100])
def test_a_deferral_that_airflow_2_timed_out_was_stopped(
    airflow: Airflow, state: str | None, seconds_ago: int
) -> None:
    airflow.knows(state=state)
    trigger_timeout = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    ti = SimpleNamespace(**vars(airflow.ti), trigger_timeout=trigger_timeout)
    assert reason_in_triggerer(ti) is STOPPED


@pytest.mark.parametrize("timeout", [None, datetime.now(UTC) + timedelta(hours=1)])
def test_a_deferral_that_has_time_left_goes_on(airflow: Airflow, timeout: datetime | None) -> None:
    airflow.knows(state="deferred")
    assert reason_in_triggerer(SimpleNamespace(**vars(airflow.ti), trigger_timeout=timeout)) is GOES_ON


def test_an_error_of_airflow_tells_nothing(airflow: Airflow) -> None:
    def fail() -> Any:
        raise RuntimeError("the API server is away")

    airflow.answer = fail
    assert reason_on_worker(airflow.ti) is UNKNOWN
    assert reason_in_triggerer(airflow.ti) is UNKNOWN


def test_a_silent_airflow_tells_nothing(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def wait() -> Any:
        over.wait(60)
        return {"state": "failed"}

    airflow.answer = wait
    monkeypatch.setattr(stop_or_shutdown, "_PATIENCE_SECONDS", 0.05)
    assert reason_on_worker(airflow.ti) is UNKNOWN
    over.set()


def test_a_kill_leaves_time_to_abort() -> None:
    """Airflow 3 ends the process five seconds after it told it to stop, 2 after a minute by default."""
    assert (2.0 if IS_AIRFLOW_3 else 10.0) == stop_or_shutdown._PATIENCE_SECONDS
