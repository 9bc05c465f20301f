"""One installation of Airflow for all scenarios, beside an emulated Apify that counts."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.emulator import Emulator, Fault
from tests.distributed.installation import Installation, installation

TOKEN = "apify_api_canary0123456789"


class World(Emulator):
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

    def fault(self, name: str, action: Any, calls: Any = (1,), **how: Any) -> None:
        """Let something happen to the starts of an Actor."""
        self.faults.add(Fault(action, "POST", f"/v2/actors/emulator~{name}/runs", calls, **how))

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """Return the runs that were started of an Actor."""
        return [run for run in self.runs if run["actId"] == self.actor_ids[name]]

    def aborts_of(self, name: str) -> list[str]:
        """Return the IDs of the runs of an Actor that were aborted, each as often as that stopped it."""
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
class Scene:
    """
    One run of one DAG.

    :param name: of the DAG, and of its run.
    """

    name: str
    world: World
    airflow: Installation

    def start(self) -> None:
        """Start it."""
        self.airflow.rest.start_dag(self.name, self.name)

    def task(self, task_id: str) -> Any:
        """Return a task instance."""
        return self.airflow.rest.task(self.name, self.name, task_id)

    def wait_for(self, task_id: str, *states: str, seconds: float = 180) -> Any:
        """Wait until a task instance is in one of the states."""
        return self.airflow.rest.wait_for(self.name, self.name, task_id, *states, seconds=seconds)

    def wait_for_try(self, number: int, task_id: str, state: str) -> None:
        """Wait until a task instance is in a state, in its n-th try."""

        def is_there() -> bool:
            ti = self.task(task_id)
            return bool(ti["try_number"] == number and ti["state"] == state)

        self.airflow.rest.until(is_there, 120)

    def ends_as(self, task_id: str) -> str:
        """Wait for the end of a task; return its state."""
        return str(self.wait_for(task_id, "success", "failed", "skipped", "upstream_failed")["state"])

    def mark(self, task_id: str, state: str) -> None:
        """Mark a task as failed or as success."""
        self.airflow.rest.mark(self.name, self.name, task_id, state)

    def clear(self, task_id: str) -> None:
        """Clear a task."""
        self.airflow.rest.clear(self.name, self.name, task_id)

    def xcoms(self, task_id: str) -> dict[str, Any]:
        """Return the XComs of a task."""
        return self.airflow.rest.xcoms(self.name, self.name, task_id)

    def log(self, task_id: str, try_number: int = 1, suffix: str = "") -> str:
        """Return what the worker logged of a try."""
        folder = self.airflow.home / "logs" / f"dag_id={self.name}"
        paths = folder.glob(f"*/task_id={task_id}/**/attempt={try_number}.log{suffix}")
        return "".join(path.read_text() for path in paths)

    def trigger_log(self, task_id: str, try_number: int = 1) -> str:
        """Return what the triggerers logged of a try."""
        return self.log(task_id, try_number, ".trigger.*")

    def states(self) -> dict[str, int]:
        """Return how many task instances are in which state."""
        rows = self.airflow.sql(
            f"SELECT state, count(*) FROM task_instance WHERE dag_id = '{self.name}' GROUP BY state"
        )
        return dict(rows)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The emulated Apify."""
    from tests.distributed.dags import scenarios

    world = World()
    world.populate([task.task_id for dag in scenarios.DAGS for task in dag.tasks])
    yield world
    for event in world.released.values():
        event.set()


@pytest.fixture(scope="session")
def airflow(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation."""
    home: Path = tmp_path_factory.mktemp("airflow")
    with world.serve() as server:
        connection = {"conn_type": "apify", "host": server.url, "password": TOKEN}
        connections = {
            "apify_default": connection,
            "apify_hasty": {**connection, "extra": {"request_timeout": 3}},
        }
        started = time.monotonic()
        with installation(home, connections) as airflow:
            print(f"Airflow is up after {time.monotonic() - started:.0f} s: {home}")
            yield airflow


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, world: World, airflow: Installation) -> Scene:
    """The DAG that the module is about, started."""
    scene = Scene(request.module.DAG, world, airflow)
    request.module.prepare(world)
    scene.start()
    return scene
