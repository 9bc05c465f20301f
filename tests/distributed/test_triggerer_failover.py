"""Triggerers come and go while a crowd of tasks is deferred."""

from __future__ import annotations

import signal
import time
from datetime import datetime
from typing import Any

from tests.distributed.conftest import ScenarioEmulator, ScenarioRun
from tests.distributed.dags.scenarios import CROWD

DAG = "crowd"
ACTOR = "crowd_deferred"


def prepare(emulator: ScenarioEmulator) -> None:
    emulator.switches.replica_lag_seconds = 0
    emulator.add_start_fault(ACTOR, "drop-after", range(10, CROWD + 1, 10))


def triggers_by_triggerer(dag_run: ScenarioRun) -> dict[int, int]:
    """Return how many triggers each triggerer has."""
    rows = dag_run.cluster.sql("SELECT triggerer_id, count(*) FROM trigger GROUP BY triggerer_id")
    return dict(rows)


def test_no_run_is_started_twice_or_aborted_while_triggerers_come_and_go(
    dag_run: ScenarioRun, emulator: ScenarioEmulator
) -> None:
    until, parts = dag_run.until, dag_run.cluster.components
    started = time.monotonic()

    def report(what: str) -> None:
        held = triggers_by_triggerer(dag_run)
        print(f"{time.monotonic() - started:5.0f} s: {what}; {dag_run.count_states()}, {held}")

    # Each task is a process that imports Airflow: on a busy machine with two cores, two seconds for each.
    until(lambda: dag_run.count_states() == {"deferred": CROWD}, 900)
    limited = ScenarioRun("limited", emulator, dag_run.cluster)
    limited.start()
    limited.wait_for_state("limited_deferred", "deferred")
    until(
        lambda: (
            (held := triggers_by_triggerer(dag_run)) and sum(held.values()) == CROWD + 1 and None not in held
        )
    )
    report("all are deferred")

    def wait_until_moved(*, to_other_than: Any) -> int:
        """Wait until one triggerer, and another one, has it all."""

        def one_has_it_all() -> Any:
            now = triggers_by_triggerer(dag_run)
            return [
                id_ for id_, count in now.items() if id_ not in to_other_than and count == sum(now.values())
            ]

        (holder,) = until(one_has_it_all)
        return int(holder)

    parts["triggerer-1"].stop()
    holder = wait_until_moved(to_other_than=())
    report("stopped")
    parts["triggerer-1"].start()
    asked = len(emulator.requests)
    parts["triggerer-2"].kill()
    holder = wait_until_moved(to_other_than=(holder,))
    # A trigger that is assigned does not run yet; what is frozen before it runs sees no cancellation later.
    until(lambda: polled_runs(emulator, asked) >= {run["id"] for run in emulator.runs_of(ACTOR)})
    report("killed")
    parts["triggerer-2"].start()
    until(lambda: count_live_triggerers(dag_run) == 2)
    parts["triggerer-1"].send_signal(signal.SIGSTOP)
    wait_until_moved(to_other_than=(holder,))
    report("frozen")
    before = count_spared_triggers(dag_run)
    parts["triggerer-1"].send_signal(signal.SIGCONT)
    until(lambda: count_spared_triggers(dag_run) >= before + CROWD)
    report("thawed")
    assert not emulator.aborts_of(ACTOR)

    emulator.released[ACTOR].set()
    until(lambda: dag_run.count_states() == {"success": CROWD}, 900)
    report("all are green")
    assert emulator.statuses_of(ACTOR) == ["SUCCEEDED"] * CROWD
    assert not emulator.aborts_of(ACTOR)

    assert limited.final_state("limited_deferred") == "failed"
    (run,) = until(lambda: [run for run in emulator.runs_of("limited_deferred") if run["finishedAt"]])
    assert emulator.aborts_of("limited_deferred") == [run["id"]]
    lasted = datetime.fromisoformat(run["finishedAt"]) - datetime.fromisoformat(run["startedAt"])
    print(f"limited to 60 s, aborted after {lasted.total_seconds():.0f} s")
    assert 55 < lasted.total_seconds() < 120


def polled_runs(emulator: ScenarioEmulator, start: int) -> set[str]:
    """Return the IDs of the runs whose end a trigger waits for, from a request on."""
    return {seen.path.split("/")[-1] for seen in emulator.requests[start:] if "waitForFinish" in seen.query}


def count_live_triggerers(dag_run: ScenarioRun) -> int:
    """Return how many triggerers are alive."""
    ((count,),) = dag_run.cluster.sql(
        "SELECT count(*) FROM job WHERE job_type = 'TriggererJob' AND end_date IS NULL "
        "AND latest_heartbeat > now() - interval '5 seconds'"
    )
    return int(count)


def count_spared_triggers(dag_run: ScenarioRun) -> int:
    """Return how many triggers were cancelled, and saw that nobody stopped their task."""
    # What is logged after the cancellation lands in the triggerer's own log.
    logs = [dag_run.cluster.components["triggerer-1"].log]
    logs += (dag_run.cluster.home / "logs" / f"dag_id={dag_run.name}").rglob("*.trigger.*.log")
    return sum(path.read_text().count("Nobody stopped the task") for path in logs)
