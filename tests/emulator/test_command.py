from __future__ import annotations

from pathlib import Path

from tests.emulator.command import run_command

ACTORS = """
@emulator.actor("emulator/counter")
def counter(actor):
    actor.push_data([{"n": n} for n in range(3)])
    if actor.input:
        actor.sleep(1000)

emulator.add_task("emulator/counting", actor="emulator/counter")
"""


def test_the_command_saves_its_state_and_reads_it_again(tmp_path: Path) -> None:
    (tmp_path / "actors.py").write_text(ACTORS)
    options = (
        "--actors",
        str(tmp_path / "actors.py"),
        "--token",
        "secret",
        "--state",
        str(tmp_path / "state"),
    )
    with run_command(*options) as first:
        assert first.token == "secret"
        run = first("POST", "/v2/actors/emulator~counter/runs?waitForFinish=60").json()["data"]
        going = first("POST", "/v2/actor-tasks/emulator~counting/runs", json={"a": 1}).json()["data"]
        first("PUT", f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/kept", data=b"\x00")
    with run_command(*options) as second:
        again = second("GET", f"/v2/actor-runs/{run['id']}").json()["data"]
        assert {**again, "stats": None} == {**run, "stats": None} | {
            name: again[name] for name in ("usage", "containerUrl")
        }
        assert second("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json() == [
            {"n": n} for n in range(3)
        ]
        assert (
            second("GET", f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/kept").content
            == b"\x00"
        )
        assert "Starting" in second("GET", f"/v2/logs/{run['id']}").text
        assert second("GET", f"/v2/actor-runs/{going['id']}").json()["data"]["status"] == "ABORTED"
        assert second("GET", "/v2/actor-runs").json()["data"]["total"] == 2
