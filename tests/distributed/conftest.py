"""One Airflow for all scenarios, beside an emulated Apify that counts."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator, Fault
from tests.distributed.cluster import AirflowCluster, airflow_cluster
from tests.support.airflow_api import FINISHED, wait_for
from tests.support.airflow_defects import Observation, pytest_runtest_makereport  # noqa: F401

TOKEN = "apify_api_canary0123456789"


class ScenarioEmulator(Emulator):
    """An Apify that has an Actor for each task of the scenarios."""

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.user.max_concurrent_runs = 1000
        # An abort takes its time on the live service.
        self.switches.stop_seconds = 3
        self.actor_ids: dict[str, str] = {}
        self.released: dict[str, threading.Event] = defaultdict(threading.Event)

    def populate(self, names: list[str]) -> None:
        """Add the Actors."""
        for name in names:
            self.actor_ids[name] = self.add_actor(f"emulator/{name}", function=self._work)

    def add_start_fault(self, name: str, action: Any, calls: Any = (1,), **how: Any) -> None:
        """Add a fault of the starts of an Actor."""
        self.faults.add(Fault(action, "POST", f"/v2/actors/emulator~{name}/runs", calls, **how))

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """Return the runs that were started of an Actor."""
        return [run for run in self.runs if run["actId"] == self.actor_ids[name]]

    def statuses_of(self, name: str) -> list[str]:
        """Return the statuses of the runs that were started of an Actor."""
        return [run["status"] for run in self.runs_of(name)]

    def are_visible(self, name: str) -> bool:
        """Return whether all runs of an Actor show up."""
        runs = [run for run in self.platform.runs_in_order() if run.actor.name == name]
        return all(self.platform.is_visible(run) for run in runs)

    def aborts_of(self, name: str) -> list[str]:
        """Return the IDs of the aborted runs of an Actor, each as often as an abort stopped it."""
        ids = {run["id"] for run in self.runs_of(name)}
        return [abort["runId"] for abort in self.aborts if abort["runId"] in ids and abort["effective"]]

    def _work(self, actor: Any) -> None:
        order, of = actor.input, actor.run.actor
        is_first = of.total_runs == 1
        if order.get("until_released"):
            self.released[of.name].wait()
        if order.get("endless_first") and is_first:
            actor.sleep(36000)
        actor.sleep(order.get("seconds", 0))
        if order.get("fail_first") and is_first:
            raise RuntimeError("failed as told")


@dataclass
class ScenarioRun:
    """A run of a DAG, by the name of the DAG."""

    name: str
    emulator: ScenarioEmulator
    cluster: AirflowCluster

    @property
    def observation(self) -> Observation:
        """Return what tells the defects of Airflow that hit a test."""
        return self.cluster.api.observation

    def start(self) -> None:
        """Start the run."""
        self.cluster.api.start_dag(self.name, self.name)

    def until(self, condition: Callable[[], Any], seconds: float = 180) -> Any:
        """Wait until the condition holds, for longer than it takes on a busy machine."""
        return wait_for(condition, seconds)

    def task_instance(self, task_id: str) -> Any:
        """Return a task instance."""
        return self.cluster.api.task_instance(self.name, self.name, task_id)

    def wait_for_state(self, task_id: str, *states: str) -> str:
        """Wait until a task instance is in one of the states; return this state."""
        return self.cluster.api.wait_for_state(self.name, self.name, task_id, *states, seconds=180)

    def wait_for_try(self, number: int, task_id: str, state: str, seconds: float = 180) -> None:
        """Wait until a task instance is in a state, in its n-th try."""

        def is_there() -> bool:
            instance = self.task_instance(task_id)
            return bool(instance["try_number"] == number and instance["state"] == state)

        self.until(is_there, seconds)

    def final_state(self, task_id: str) -> str:
        """Wait for the end of a task; return its state."""
        return self.wait_for_state(task_id, *FINISHED)

    def assert_one_run(self, task_id: str, *, try_number: int | None = None) -> None:
        """Assert that a task succeeds with the only run it ever started, and in this try if one is given."""
        assert self.final_state(task_id) == "success"
        if try_number is not None:
            assert self.task_instance(task_id)["try_number"] == try_number
        assert self.emulator.statuses_of(task_id) == ["SUCCEEDED"]
        assert not self.emulator.aborts_of(task_id)

    def mark(self, task_id: str, state: str) -> None:
        """Mark a task as failed or as success."""
        self.cluster.api.mark(self.name, self.name, task_id, state)

    def clear(self, task_id: str) -> None:
        """Clear a task."""
        self.cluster.api.clear(self.name, self.name, task_id)

    def xcoms(self, task_id: str) -> dict[str, Any]:
        """Return the XComs of a task."""
        return self.cluster.api.xcoms(self.name, self.name, task_id)

    def task_log(self, task_id: str, try_number: int = 1, suffix: str = "") -> str:
        """Return what the worker logged of a try."""
        folder = self.cluster.home / "logs" / f"dag_id={self.name}"
        paths = folder.glob(f"*/task_id={task_id}/**/attempt={try_number}.log{suffix}")
        return "".join(path.read_text() for path in paths)

    def trigger_log(self, task_id: str, try_number: int = 1) -> str:
        """Return what the triggerers logged of a try."""
        return self.task_log(task_id, try_number, ".trigger.*")

    def count_states(self) -> dict[str, int]:
        """Return how many task instances are in which state."""
        rows = self.cluster.sql(
            f"SELECT state, count(*) FROM task_instance WHERE dag_id = '{self.name}' GROUP BY state"
        )
        return dict(rows)


@pytest.fixture(scope="session")
def emulator() -> Iterator[ScenarioEmulator]:
    """The emulated Apify."""
    from tests.distributed.dags import scenarios

    emulator = ScenarioEmulator()
    emulator.populate([task.task_id for dag in scenarios.DAGS for task in dag.tasks])
    yield emulator
    for event in emulator.released.values():
        event.set()


@pytest.fixture(scope="session")
def cluster(emulator: ScenarioEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    """The Airflow."""
    home: Path = tmp_path_factory.mktemp("airflow")
    with emulator.serve() as server:
        connection = {"conn_type": "apify", "host": server.url, "password": TOKEN}
        connections = {
            "apify_default": connection,
            "apify_hasty": {**connection, "extra": {"request_timeout": 3}},
        }
        started = time.monotonic()
        with airflow_cluster(home, connections) as cluster:
            print(f"Airflow is up after {time.monotonic() - started:.0f} s: {home}")
            yield cluster


@pytest.fixture(scope="module")
def dag_run(
    request: pytest.FixtureRequest, emulator: ScenarioEmulator, cluster: AirflowCluster
) -> ScenarioRun:
    """A run of the DAG that the module is about."""
    dag_run = ScenarioRun(request.module.DAG, emulator, cluster)
    request.module.prepare(emulator)
    dag_run.start()
    return dag_run
