"""The trigger, over HTTP against the emulator."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_apify.api.errors import ApifyNotFoundError
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.runs.outage_budget import WaitEnd
from airflow_provider_apify.runs.wait import Outcome
from airflow_provider_apify.triggers.run import ApifyCapacityTrigger, ApifyRunTrigger
from tests.support.connections import set_connection
from tests.support.triggerer import event_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("server", "fast_clock")

MINUTE = 60.0
RUNS = "/v2/actor-runs/*"


def start(**order: Any) -> str:
    return ApifyHook().start_actor_run("emulator/worker", order).id


def trigger(run_id: str, **kwargs: Any) -> ApifyRunTrigger:
    return ApifyRunTrigger(run_id, "apify_default", **kwargs)


async def outcome_of(trigger: ApifyRunTrigger) -> Outcome:
    return Outcome.from_event(await event_of(trigger))


async def test_the_event_tells_how_the_run_ended() -> None:
    outcome = await outcome_of(trigger(start(seconds=600)))
    assert outcome.end is WaitEnd.FINISHED
    assert outcome.run is not None
    assert outcome.run.status == "SUCCEEDED"


def test_the_trigger_can_be_made_again_from_its_serialized_form() -> None:
    made = trigger("r", abort_at=1.0, give_up_at=2.0, cancel_on_kill=True, abort_gracefully=True)
    path, kwargs = made.serialize()
    assert path == "airflow_provider_apify.triggers.run.ApifyRunTrigger"
    assert ApifyRunTrigger(**kwargs).serialize() == made.serialize()
    assert ApifyRunTrigger(**kwargs, of_a_later_version=1).serialize() == made.serialize()
    assert "apify_api" not in json.dumps(kwargs)


def test_a_trigger_aborts_nothing_unless_it_is_told_to() -> None:
    _, kwargs = trigger("r").serialize()
    assert (kwargs["cancel_on_kill"], kwargs["abort_gracefully"]) == (False, False)


async def test_the_wait_is_given_up_when_that_is_due(emulator: Emulator) -> None:
    outcome = await outcome_of(trigger(start(seconds=36000), give_up_at=emulator.clock.time() + 3 * MINUTE))
    assert outcome.end is WaitEnd.GIVE_UP_DUE
    assert not emulator.aborts


async def test_no_poll_is_held_for_longer_than_the_wait_may_take(emulator: Emulator) -> None:
    outcome = await outcome_of(trigger(start(seconds=36000), give_up_at=emulator.clock.time() + 30))
    assert outcome.end is WaitEnd.GIVE_UP_DUE
    holds = [float(seen.query["waitForFinish"]) for seen in emulator.requests if seen.method == "GET"]
    assert holds
    assert max(holds) <= 30


async def test_an_abort_that_is_due_is_told_to_the_worker(emulator: Emulator) -> None:
    now = emulator.clock.time()
    outcome = await outcome_of(
        trigger(start(seconds=36000), abort_at=now + MINUTE, give_up_at=now + 2 * MINUTE)
    )
    assert outcome.end is WaitEnd.ABORT_DUE
    assert not emulator.aborts


async def test_the_run_is_aborted_when_that_is_due(emulator: Emulator) -> None:
    """Not left to the worker, which Airflow 2 does not let execute anything after `execution_timeout`."""
    run_id = start(seconds=36000)
    outcome = await outcome_of(trigger(run_id, abort_at=emulator.clock.time() + MINUTE, cancel_on_kill=True))
    assert outcome.end is WaitEnd.ABORT_DUE
    assert outcome.run is not None
    assert outcome.run.status in ("ABORTING", "ABORTED")
    assert emulator.aborts == [{"runId": run_id, "effective": True}]


async def test_an_abort_that_fails_is_left_to_the_worker(emulator: Emulator) -> None:
    run_id = start(seconds=36000)
    emulator.faults.add(Fault("answer", "POST", RUNS, status=503))
    outcome = await outcome_of(trigger(run_id, abort_at=emulator.clock.time() + MINUTE, cancel_on_kill=True))
    assert outcome.end is WaitEnd.ABORT_DUE
    assert outcome.run is None


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"seconds": 36000}, "Aborted the run {} (ABORT"),
        ({}, "The run {} ended as SUCCEEDED before it could be"),
    ],
)
async def test_a_users_stop_says_what_became_of_the_run_and_where_to_see_it(
    emulator: Emulator, read_log: Any, order: Any, words: str
) -> None:
    run_id = start(**order)
    if not order:
        wait_until(lambda: emulator.runs[0]["finishedAt"])
    await trigger(run_id, cancel_on_kill=True).on_kill()
    told = read_log()
    assert words.format(run_id) in told
    assert f"https://console.apify.com/actors/runs/{run_id}" in told


@pytest.mark.parametrize("end", ["success", "failure", "abort", "kill"])
async def test_the_triggerer_neither_reads_nor_shows_the_actors_log(
    emulator: Emulator, read_log: Any, end: str
) -> None:
    """It does not know the secrets that a worker masks."""
    run_id = start(seconds=600, fail=end == "failure", status_message="on my way")
    made = trigger(
        run_id,
        abort_at=emulator.clock.time() + MINUTE if end == "abort" else None,
        cancel_on_kill=end in ("abort", "kill"),
    )
    await (made.on_kill() if end == "kill" else outcome_of(made))
    log, told = emulator.platform.runs[run_id].log.read().decode(), read_log()
    assert "order: ['fail', 'seconds', 'status_message']" in log
    assert not [line for line in log.splitlines() if line.partition(" ")[2] in told]
    assert not [seen for seen in emulator.requests if "log" in seen.path]
    if end != "kill":
        assert "on my way" in told


async def test_an_abort_that_fails_says_where_to_look(emulator: Emulator, read_log: Any) -> None:
    run_id = start(seconds=36000)
    emulator.faults.add(Fault("answer", "POST", RUNS, status=503))
    await trigger(run_id, cancel_on_kill=True).on_kill()
    assert f"may be going on: https://console.apify.com/actors/runs/{run_id}" in read_log()


async def test_a_run_that_ended_before_the_deadline_was_seen_counts_as_ended(emulator: Emulator) -> None:
    run_id = start(seconds=10)
    emulator.clock.advance(100)
    wait_until(lambda: emulator.runs[0]["finishedAt"])
    outcome = await outcome_of(trigger(run_id, abort_at=emulator.clock.time() - 50))
    assert outcome.end is WaitEnd.FINISHED


@pytest.mark.parametrize(("minutes", "end"), [(14, WaitEnd.FINISHED), (16, WaitEnd.OUTAGE)])
async def test_an_outage_is_tolerated_for_a_while(emulator: Emulator, minutes: int, end: WaitEnd) -> None:
    run_id = start(seconds=20 * MINUTE)
    emulator.faults.add(Fault("answer", "GET", RUNS, status=503))
    emulator.clock.call_at(emulator.clock.time() + minutes * MINUTE, emulator.faults.clear)
    outcome = await outcome_of(trigger(run_id))
    assert outcome.end is end
    assert not emulator.aborts
    if end is WaitEnd.OUTAGE:
        with pytest.raises(Exception, match="may be going on"):
            outcome.finished_run()


async def test_rate_limits_are_not_an_outage(emulator: Emulator) -> None:
    run_id = start(seconds=30 * MINUTE)
    emulator.faults.add(Fault("answer", "GET", RUNS, status=429, type="rate-limit-exceeded"))
    emulator.clock.call_at(emulator.clock.time() + 20 * MINUTE, emulator.faults.clear)
    assert (await outcome_of(trigger(run_id))).end is WaitEnd.FINISHED


@pytest.mark.parametrize(
    "fault", [{"status": 401, "type": "invalid-token"}, {"status": 403, "type": "insufficient-permissions"}]
)
async def test_a_refusal_ends_the_wait(emulator: Emulator, fault: Any) -> None:
    run_id = start(seconds=36000)
    refusals = emulator.faults.add(Fault("answer", "GET", RUNS, **fault))
    assert (await outcome_of(trigger(run_id))).end is WaitEnd.REFUSED
    assert refusals.fired == 1


@pytest.mark.parametrize("status", [408, 418, 425])
async def test_an_answer_of_unknown_meaning_ends_no_wait(emulator: Emulator, status: int) -> None:
    run_id = start(seconds=10 * MINUTE)
    emulator.faults.add(Fault("answer", "GET", RUNS, calls=(1, 2), status=status, type="timeout"))
    assert (await outcome_of(trigger(run_id))).end is WaitEnd.FINISHED


async def test_a_token_that_is_rotated_meanwhile_ends_no_wait(
    emulator: Emulator, server: Any, monkeypatch: Any
) -> None:
    def rotate() -> None:
        emulator.user.token = "apify_api_new"
        set_connection(monkeypatch, host=server.url, password="apify_api_new")

    emulator.clock.call_at(emulator.clock.time() + 2 * MINUTE, rotate)
    hook, run_id = ApifyHook(), start(seconds=10 * MINUTE)
    assert (await outcome_of(trigger(run_id))).end is WaitEnd.FINISHED
    set_connection(monkeypatch, host=server.url, password=server.token)
    assert hook.endpoint.token == server.token
    rotate()
    assert hook.wait_for_run(run_id).succeeded


async def test_a_run_may_be_missing_for_a_minute_and_not_longer(emulator: Emulator) -> None:
    emulator.switches.replica_lag_seconds = 40
    assert (await outcome_of(trigger(start(seconds=100)))).end is WaitEnd.FINISHED
    outcome = await outcome_of(trigger("0123456789abcdefg"))
    with pytest.raises(ApifyNotFoundError, match="There is no run 0123456789abcdefg at Apify"):
        outcome.finished_run()


async def test_an_unknown_status_means_going_on(emulator: Emulator) -> None:
    emulator.switches.unknown_status = "PAUSED-BY-MARTIANS"
    emulator.switches.unknown_fields = {"news": {"of": "tomorrow"}}
    assert (await outcome_of(trigger(start(seconds=600)))).end is WaitEnd.FINISHED


async def test_nonsense_answers_are_an_outage_without_a_hot_loop(emulator: Emulator) -> None:
    run_id = start(seconds=10 * MINUTE)
    nonsense = emulator.faults.add(Fault("answer", "GET", RUNS, status=200, body="<html>Log in to the Wi-Fi"))
    emulator.clock.call_at(emulator.clock.time() + 5 * MINUTE, emulator.faults.clear)
    assert (await outcome_of(trigger(run_id))).end is WaitEnd.FINISHED
    assert nonsense.fired < 40


async def test_long_polls_answered_at_once_make_no_hot_loop(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.api.runs.MAX_WAIT_SECONDS", 0)
    outcome = await outcome_of(trigger(start(seconds=10 * MINUTE)))
    assert outcome.end is WaitEnd.FINISHED
    assert len([seen for seen in emulator.requests if seen.method == "GET"]) < 10 * MINUTE / 5 + 5


async def test_a_lost_connection_is_told_as_such(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")
    outcome = await outcome_of(trigger("0123456789abcdefg"))
    assert outcome.end is WaitEnd.REFUSED
    assert "AIRFLOW_CONN_APIFY_DEFAULT" in outcome.message


async def test_a_thousand_waits_share_one_session(emulator: Emulator, monkeypatch: Any) -> None:
    import aiohttp

    made = []
    init = aiohttp.ClientSession.__init__

    def counting(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        init(self, *args, **kwargs)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", counting)
    run_id = start(seconds=600)
    outcomes = await asyncio.gather(*(outcome_of(trigger(run_id)) for _ in range(50)))
    assert {outcome.end for outcome in outcomes} == {WaitEnd.FINISHED}
    assert len([session for session in made if not session.closed]) == 0
    assert len(made) == 1


async def test_capacity_is_tried_again_when_it_is_due(emulator: Emulator) -> None:
    made = ApifyCapacityTrigger(emulator.clock.time() + 100, {"attempt": 2})
    path, kwargs = made.serialize()
    assert path == "airflow_provider_apify.triggers.run.ApifyCapacityTrigger"
    events = [event.payload async for event in ApifyCapacityTrigger(**kwargs).run()]
    assert events == [{"attempt": 2}]


@pytest.mark.slow
def test_what_takes_long_to_load_does_not_block_the_loop(server: Any) -> None:
    """All triggers share the loop; in a new process, as in this one all is loaded."""
    code = """
import asyncio, sys, threading

class Importers:
    threads = {}
    def find_spec(self, name, path=None, target=None):
        self.threads[name] = threading.current_thread()

sys.meta_path.insert(0, Importers())
from airflow_provider_apify.triggers.run import ApifyRunTrigger

async def wait():
    async for event in ApifyRunTrigger("no-such-run", "apify_default", give_up_at=1.0).run():
        print(event.payload["end"])

asyncio.sleep = lambda seconds, sleep=asyncio.sleep: sleep(0)
asyncio.run(wait())
assert Importers.threads["aiohttp"] is not threading.main_thread()
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    assert "give_up_due" in told.stdout
