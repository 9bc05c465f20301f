from __future__ import annotations

import threading

from airflow_provider_apify.emulator import ActorContext, Emulator
from tests.emulator.crawler_actor import CRAWLER_RUNS
from tests.emulator.http_client import HttpClient, error_of


def test_a_log_has_time_stamps_and_no_colours(http: HttpClient, emulator: Emulator) -> None:
    emulator.actor("emulator/colours")(lambda actor: actor.log("\x1b[31mred\x1b[0m\nsecond"))
    run = http.run("emulator~colours")
    for path in (f"/v2/logs/{run['id']}", f"/v2/actor-runs/{run['id']}/log"):
        lines = http("GET", path).text.splitlines()
        assert [line[25:] for line in lines[-2:]] == ["red", "second"]
        assert lines[-1][:25].endswith("Z ")
    assert "\x1b[31mred" in http("GET", f"/v2/logs/{run['id']}?raw=1").text
    assert "attachment" in http("GET", f"/v2/logs/{run['id']}?download=1").headers["Content-Disposition"]
    assert error_of(http("GET", "/v2/logs/nothing")) == (404, "record-not-found")


def test_a_log_stream_follows_the_run(http: HttpClient, emulator: Emulator) -> None:
    step = threading.Event()

    @emulator.actor("emulator/talker")
    def talker(actor: ActorContext) -> None:
        actor.log("one")
        step.wait(30)
        actor.log("two")

    run = http.data("POST", "/v2/actors/emulator~talker/runs")
    http.wait_for_status(run["id"], "RUNNING")
    with http("GET", f"/v2/logs/{run['id']}?stream=1", stream=True) as answer:
        lines = answer.iter_lines(chunk_size=1)
        assert next(line for line in lines if line.endswith(b"one"))
        step.set()
        assert next(line for line in lines if line.endswith(b"two"))
        assert list(lines) == []


def test_a_log_stream_of_a_run_that_has_not_begun_is_empty(http: HttpClient, emulator: Emulator) -> None:
    emulator.switches.ready_seconds = 1000
    run = http.data("POST", CRAWLER_RUNS)
    assert http("GET", f"/v2/logs/{run['id']}?stream=1").content == b""
