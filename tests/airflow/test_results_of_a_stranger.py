"""What an Actor leaves goes through Airflow's XComs to the next task as data, never as an object."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator import Emulator
from tests.airflow.conftest import DAGS
from tests.support.airflow_home import AirflowHome


def test_the_next_task_gets_no_object_and_no_file(airflow: AirflowHome, emulator: Emulator) -> None:
    """Airflow makes objects of such dictionaries: a path of this worker's disk, which a task may open.

    And an input that ends in `.json` is a file beside the DAG, unless an Actor says so.
    """
    path = {
        "__type": "airflow.sdk.io.path.ObjectStoragePath",
        "__var": {"path": "file:///etc/passwd", "kwargs": {}},
    }

    @emulator.actor("emulator/stranger")
    def stranger(actor: Any) -> None:
        actor.push_data({"title": [path]})
        actor.set_value("OUTPUT", {"title": [path]})

    @emulator.actor("emulator/namer")
    def name(actor: Any) -> None:
        actor.set_value("OUTPUT", ["beside_the_dag.json"])

    airflow.use_dags(DAGS)
    printed = airflow.test_dag("results_of_a_stranger", {}, check=False)
    for task_id in ("items", "output", "record"):
        assert f"{task_id} gave None" in printed
    assert printed.count("Airflow would make an object of a dictionary with the key '__type'") >= 3
    assert "`run_input` is not JSON" in printed
    assert len(emulator.runs) == 3
