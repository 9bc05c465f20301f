"""Why a task is told to stop, by what Airflow says of it: a row of its database on 2, an answer on 3."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from airflow_provider_apify.runs import stop_or_shutdown
from airflow_provider_apify.runs.stop_or_shutdown import StopReason, reason_in_triggerer, reason_on_worker
from tests.support.task_context import TaskInstance

IS_AIRFLOW_3 = not airflow_version.startswith("2.")
STOPPED, GOES_ON, UNKNOWN = StopReason.STOPPED, StopReason.GOES_ON, StopReason.UNKNOWN

ENDED: list[str | None] = ["success", "failed", "skipped", "upstream_failed", "removed", "restarting"]
GOING_ON: list[str | None] = ["running", "deferred", "up_for_retry", "up_for_reschedule"]
PENDING: list[str | None] = [None, "scheduled", "queued"]


@dataclass
class Airflow:
    """What Airflow knows of the task instance; no `state` at all stands for no row."""

    ti: TaskInstance
    answer: Callable[[], Any]

    def knows(self, **row: Any) -> None:
        """Let the task instance be like this."""
        self.answer = lambda: row


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    airflow = Airflow(TaskInstance(max_tries=2), dict)

    def get_task_states(dag_id: str, map_index: int, task_ids: list[str], run_ids: list[str]) -> Any:
        assert (dag_id, map_index, task_ids, run_ids) == ("dag", -1, ["run"], ["manual__1"])
        row = airflow.answer()
        return {"manual__1": {"run": row["state"]}} if row else {}

    def create_session() -> Any:
        ours = {"dag_id": "dag", "task_id": "run", "run_id": "manual__1", "map_index": -1, "max_tries": 2}
        rows = [ours | {"state": "failed", name: 7} for name in ("dag_id", "task_id", "run_id", "map_index")]
        if row := airflow.answer():
            rows.append(ours | row)
        session = Session(create_engine("sqlite://"))
        session.execute(text(f"CREATE TABLE task_instance ({', '.join(ours)}, state)"))
        insert = f"INSERT INTO task_instance VALUES ({', '.join(f':{name}' for name in [*ours, 'state'])})"
        session.execute(text(insert), rows)
        return session

    if IS_AIRFLOW_3:
        monkeypatch.setattr(
            stop_or_shutdown, "RuntimeTaskInstance", SimpleNamespace(get_task_states=get_task_states)
        )
    else:
        monkeypatch.setattr(stop_or_shutdown, "create_session", create_session)
    return airflow


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
