"""Triggerers come and go while a crowd of tasks is deferred (scenarios 7 and 12)."""

from __future__ import annotations

import signal
import time
from datetime import datetime
from typing import Any

from tests.distributed.conftest import Scene, World
from tests.distributed.dags.scenarios import CROWD

DAG = "crowd"
ACTOR = "crowd_deferred"


def prepare(world: World) -> None:
    world.switches.replica_lag_seconds = 0
    world.fault(ACTOR, "drop-after", range(10, CROWD + 1, 10))


def holders(scene: Scene) -> dict[int, int]:
    """Return how many triggers each triggerer has."""
    rows = scene.airflow.sql("SELECT triggerer_id, count(*) FROM trigger GROUP BY triggerer_id")
    return dict(rows)


def test_triggerers_come_and_go(scene: Scene, world: World) -> None:
    until, parts = scene.until, scene.airflow.components
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s: {what}; {scene.states()}, {holders(scene)}")

    until(lambda: scene.states() == {"deferred": CROWD}, 400)
    limited = Scene("limited", world, scene.airflow)
    limited.start()
    limited.wait_for("limited_deferred", "deferred")
    everything = CROWD + 1
    until(lambda: sum(holders(scene).values()) == everything and None not in holders(scene))
    say("all are deferred")

    def moved(*, to_other_than: Any) -> int:
        """Wait until one triggerer, and another one, has it all."""

        def one_has_it_all() -> Any:
            now = holders(scene)
            return [
                id_ for id_, count in now.items() if id_ not in to_other_than and count == sum(now.values())
            ]

        (holder,) = until(one_has_it_all)
        return int(holder)

    parts["triggerer-1"].stop()
    holder = moved(to_other_than=())
    say("stopped")
    parts["triggerer-1"].start()
    parts["triggerer-2"].kill()
    holder = moved(to_other_than=(holder,))
    say("killed")
    parts["triggerer-2"].start()
    until(lambda: alive(scene) == 2)
    parts["triggerer-1"].tell(signal.SIGSTOP)
    moved(to_other_than=(holder,))
    say("frozen")
    before = spared(scene)
    parts["triggerer-1"].tell(signal.SIGCONT)
    until(lambda: spared(scene) >= before + CROWD)
    say("thawed")
    assert not world.aborts_of(ACTOR)

    world.released[ACTOR].set()
    until(lambda: scene.states() == {"success": CROWD}, 400)
    say("all are green")
    assert len(world.runs_of(ACTOR)) == CROWD
    assert {run["status"] for run in world.runs_of(ACTOR)} == {"SUCCEEDED"}
    assert not world.aborts_of(ACTOR)

    assert limited.ends_as("limited_deferred") == "failed"
    (run,) = until(lambda: [run for run in world.runs_of("limited_deferred") if run["finishedAt"]])
    assert world.aborts_of("limited_deferred") == [run["id"]]
    lasted = datetime.fromisoformat(run["finishedAt"]) - datetime.fromisoformat(run["startedAt"])
    print(f"limited to 60 s, aborted after {lasted.total_seconds():.0f} s")
    assert 55 < lasted.total_seconds() < 120


def alive(scene: Scene) -> int:
    """Return how many triggerers are alive."""
    ((count,),) = scene.airflow.sql(
        "SELECT count(*) FROM job WHERE job_type = 'TriggererJob' AND end_date IS NULL "
        "AND latest_heartbeat > now() - interval '5 seconds'"
    )
    return int(count)


def spared(scene: Scene) -> int:
    """Return how many triggers were cancelled, and saw that their task is still deferred."""
    # What is logged after the cancellation lands in the triggerer's own log.
    logs = [scene.airflow.components["triggerer-1"].log]
    logs += (scene.airflow.home / "logs" / f"dag_id={scene.name}").rglob("*.trigger.*.log")
    return sum(path.read_text().count("The task is still deferred") for path in logs)
