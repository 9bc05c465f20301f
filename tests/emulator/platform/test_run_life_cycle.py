from __future__ import annotations

from airflow_provider_apify.emulator import ActorContext, ActorStopped, Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_a_run_succeeds_fails_or_crashes(http: HttpClient) -> None:
    succeeded, failed, crashed = http.run(), http.run(fail=7), http.run(crash="boom")
    assert [run["status"] for run in (succeeded, failed, crashed)] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert [run["exitCode"] for run in (succeeded, failed, crashed)] == [0, 7, 1]
    assert (failed["statusMessage"], failed["isStatusMessageTerminal"]) == ("Nothing to crawl", True)
    assert "ValueError: boom" in http("GET", f"/v2/logs/{crashed['id']}").text


def test_a_run_times_out_in_emulated_time(http: HttpClient, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    run = http.data("POST", f"{CRAWLER_RUNS}?timeout=3600", json={"sleep": 7200})
    emulator.clock.advance(3599)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "RUNNING"
    emulator.clock.advance(1)
    emulator.clock.speed = 1
    ended = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    assert (ended["status"], ended["stats"]["runTimeSecs"] >= 3600) == ("TIMED-OUT", True)


def test_switches_make_passing_statuses_last(http: HttpClient, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    emulator.switches.ready_seconds = emulator.switches.stop_seconds = 5
    run = http.data("POST", f"{CRAWLER_RUNS}?timeout=60", json={"sleep": 1000})
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "READY"
    for seconds, status in ((5, "RUNNING"), (60, "TIMING-OUT"), (5, "TIMED-OUT")):
        emulator.clock.advance(seconds)
        http.wait_for_status(run["id"], status)


def test_an_aborted_actor_has_no_further_effect(http: HttpClient, emulator: Emulator) -> None:
    effects: list[str] = []

    @emulator.actor("emulator/stubborn")
    def stubborn(actor: ActorContext) -> None:
        try:
            actor.sleep(1000)
        except ActorStopped:
            effects.append("stopped")
            actor.push_data({"too": "late"})

    run = http.data("POST", "/v2/actors/emulator~stubborn/runs")
    http.wait_for_status(run["id"], "RUNNING")
    assert http.data("POST", f"/v2/actor-runs/{run['id']}/abort")["status"] == "ABORTING"
    ended = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    assert ended["status"] == "ABORTED"
    assert http.data("POST", f"/v2/actor-runs/{run['id']}/abort")["status"] == "ABORTED"
    assert emulator.aborts == [
        {"runId": run["id"], "effective": True},
        {"runId": run["id"], "effective": False},
    ]
    assert effects == ["stopped"]
    assert http("GET", f"/v2/actor-runs/{run['id']}/dataset/items").json() == []
    emulator.switches.abort_finished = "refuse"
    assert http("POST", f"/v2/actor-runs/{run['id']}/abort").status_code == 400


def test_a_graceful_abort_lets_the_actor_finish(http: HttpClient, emulator: Emulator) -> None:
    @emulator.actor("emulator/polite")
    def polite(actor: ActorContext) -> None:
        while not actor.is_aborting:
            actor.sleep(0.01)
        actor.set_value("SAVED", True)

    run = http.data("POST", "/v2/actors/emulator~polite/runs")
    http.wait_for_status(run["id"], "RUNNING")
    http("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=true")
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "ABORTED"
    assert http("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/SAVED").json() is True


def test_a_graceful_abort_has_thirty_seconds(http: HttpClient, emulator: Emulator) -> None:
    emulator.clock.speed = 0
    run = http.data("POST", CRAWLER_RUNS, json={"sleep": 1000})
    http.wait_for_status(run["id"], "RUNNING")
    http("POST", f"/v2/actor-runs/{run['id']}/abort?gracefully=true")
    emulator.clock.advance(29)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}")["status"] == "ABORTING"
    emulator.clock.advance(1)
    assert http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")["status"] == "ABORTED"


def test_a_failed_run_is_restarted_if_its_options_say_so(http: HttpClient, emulator: Emulator) -> None:
    tries: list[int] = []

    @emulator.actor("emulator/flaky")
    def flaky(actor: ActorContext) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")

    run = http.data("POST", "/v2/actors/emulator~flaky/runs?restartOnError=1&waitForFinish=60")
    assert (run["status"], run["stats"]["restartCount"]) == ("SUCCEEDED", 2)


def test_a_resurrected_run_keeps_its_storages(http: HttpClient) -> None:
    run = http.run(items=2, fail=1)
    revived = http.data("POST", f"/v2/actor-runs/{run['id']}/resurrect?timeout=30")
    assert (revived["id"], revived["status"], revived["finishedAt"]) == (run["id"], "RUNNING", None)
    ended = http.data("GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
    assert (ended["stats"]["resurrectCount"], ended["options"]["timeoutSecs"]) == (1, 30)
    assert len(http("GET", f"/v2/actor-runs/{run['id']}/dataset/items").json()) == 4
    running = http.data("POST", CRAWLER_RUNS, json={"sleep": 1000})
    assert http("POST", f"/v2/actor-runs/{running['id']}/resurrect").status_code == 400
    assert error_of(http("POST", f"/v2/actor-runs/{run['id']}/reboot")) == (403, "job-finished")
    assert http("DELETE", f"/v2/actor-runs/{run['id']}").status_code == 204
