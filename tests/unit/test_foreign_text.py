"""What others wrote steers neither a terminal nor Airflow's page of the log, wherever it shows up."""

from __future__ import annotations

import json
import logging
from itertools import product
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_apify.api.errors import ApifyDataError, ApifyInputError, ApifyRunFailedError
from airflow_provider_apify.api.foreign_text import foreign_text, secrets_of, visible_lines
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.operators.storage import GetOrCreateDatasetOperator
from airflow_provider_apify.runs.best_effort import best_effort
from tests.support.task_context import TaskTries

FOREIGN = (
    "::group::fold\r##[]endgroup]\n\x1b[2K\x1b[31mred\x1b[0m\ttab \u202eback \x9b[ \ufeff.\u2028::endgroup::"
)
VISIBLE = [
    r"\x3a:group::fold",
    r"\x23#[]endgroup]",
    "\\x1b[2Kred\ttab \\u202eback \\x9b[ \\ufeff.",
    r"\x3a:endgroup::",
]
MESSAGE = " ".join(VISIBLE)


def test_what_steers_is_shown() -> None:
    assert visible_lines(FOREIGN) == VISIBLE
    assert visible_lines(":::group::group::\ud800") == [r":\x3a:group\x3a:group::\ud800"]
    assert foreign_text(FOREIGN) == MESSAGE
    # What comes back in an event, or within another message.
    assert visible_lines("\n".join(VISIBLE)) == VISIBLE


def test_text_in_any_language_is_left_alone() -> None:
    plain = r"žluťoučký 🐎 👩‍🚀 می‌خواهم 日本　語 \x1b 12 000 std::group(x) ::groups::"
    assert visible_lines(plain) == [plain]


def test_a_long_text_is_cut_and_says_so() -> None:
    assert foreign_text("x" * 500) == "x" * 500
    assert foreign_text("x" * 501) == "x" * 500 + " […]"
    assert foreign_text("x" * 9, most=3) == "xxx […]"


def test_no_part_of_a_proxys_credentials_is_told() -> None:
    secrets = secrets_of("a-token", "http://user:p:w%40x@proxy:80")
    told = foreign_text("http://user:p:w%40x@proxy:80 user:p:w@x p:w@x a-token", secrets)
    assert told == "http://***@proxy:80 *** *** ***"
    assert secrets_of("a-token", "http://proxy:80") == secrets_of("a-token", None) == ("a-token",)


def test_no_trick_brings_a_secret_through_the_mask() -> None:
    token = "apify_api_" + "0123456789abcdef" * 2
    assert foreign_text(f"{token[:9]}\x1b[0m{token[9:]}", [token]) == "***"
    for copies, before in product(range(5), range(500)):
        told = foreign_text(f"{token} " * copies + "-" * before + f"{token}{token}" + "x" * 999, [token])
        assert token[:8] not in told.replace("***", "")


def test_a_line_has_an_end() -> None:
    assert visible_lines("\0" * 6_000_000) == ["\\x00" * 10_000 + " […]"]


def set_log(emulator: Emulator, text: str) -> None:
    """Let all runs have this log."""
    emulator.faults.clear()
    fault = Fault("answer", "GET", "/v2/actor-runs/*/log", status=200, content_type="text/plain", body=text)
    emulator.faults.add(fault)


@pytest.fixture
def forger(server: Any, fast_clock: Emulator) -> str:
    """An Actor that tries to steer whoever looks at its run."""

    @fast_clock.actor("emulator/forger")
    def forge(actor: Any) -> None:
        actor.set_status_message(FOREIGN)
        if (actor.input or {}).get("fail"):
            actor.fail(FOREIGN)

    # The emulator's own log has no sequences for a terminal.
    set_log(fast_clock, FOREIGN)
    return "emulator/forger"


def run(forger: str, tries: TaskTries, **kwargs: Any) -> Any:
    operator = RunActorOperator(task_id="run", actor_id=forger, wait_for_completion=True, **kwargs)
    return operator.execute(tries.context)


@pytest.mark.parametrize("actor_log", ["tail", "full"])
def test_log_and_status_message_are_visible(
    forger: str, stored_tries: TaskTries, read_log: Any, actor_log: Any
) -> None:
    assert run(forger, stored_tries, actor_log=actor_log)["statusMessage"] == MESSAGE
    log = read_log().splitlines()
    # The status message in one record; of the log each line in its own, so that none looks like a record.
    for line in VISIBLE:
        assert [MESSAGE in logged for logged in log if line in logged] == [True, False], line
    assert not set("\x1b\u202e\x9b\ufeff") & set("".join(log))


def test_the_error_of_a_failed_run_is_visible(forger: str, stored_tries: TaskTries) -> None:
    with pytest.raises(ApifyRunFailedError) as error:
        run(forger, stored_tries, run_input={"fail": True})
    assert error.value.run["statusMessage"] == MESSAGE
    told = str(error.value).splitlines()
    assert told[0].endswith(f"ended as FAILED (exit code 1): {MESSAGE}")
    # Indented, so that none looks like a line of Airflow's.
    assert told[2:] == ["Last lines of its log:", *(f"  {line}" for line in VISIBLE)]


def test_an_error_is_visible_whatever_it_names() -> None:
    assert str(ApifyDataError(f"The field {FOREIGN} is odd.")).splitlines()[0] == f"The field {VISIBLE[0]}"
    assert "::group::" not in repr(ApifyDataError(FOREIGN))


def test_an_answer_is_visible_in_its_error(server: Any, hook: ApifyHook, emulator: Emulator) -> None:
    body = json.dumps({"error": {"type": FOREIGN, "message": FOREIGN, "data": {"told": FOREIGN}}})
    emulator.faults.add(Fault("answer", status=400, body=body))
    with pytest.raises(ApifyInputError) as error:
        hook.get_user()
    assert str(error.value).count(MESSAGE) == 2
    assert visible_lines(str(error.value)) == [str(error.value)]


def test_what_cannot_be_reported_is_visible(caplog: pytest.LogCaptureFixture) -> None:
    with best_effort(logging.getLogger("told"), "it"):
        raise ValueError(FOREIGN)
    (record,) = caplog.records
    assert r"\x3a:group::" in record.getMessage()
    assert visible_lines(record.getMessage()) == [record.getMessage()]


def test_names_in_answers_are_visible_and_links_are_ours(
    server: Any, hook: ApifyHook, emulator: Emulator, read_log: Any
) -> None:
    data = {"username": FOREIGN, "id": "aDataset", "consoleUrl": "http://elsewhere.example/"}
    body = json.dumps({"data": data})
    emulator.faults.add(Fault("answer", status=200, content_type="application/json", body=body))
    assert f" as {MESSAGE}." in hook.test_connection()[1]
    assert GetOrCreateDatasetOperator(task_id="get", name="feed").execute({}) == "aDataset"
    assert "https://console.apify.com/storage/datasets/aDataset" in read_log()
    assert "elsewhere" not in read_log()


def test_a_secret_of_several_lines_is_masked(
    forger: str, stored_tries: TaskTries, read_log: Any, emulator: Emulator
) -> None:
    mask_secret("first canary\nsecond canary")
    set_log(emulator, "the key is first canary\nsecond canary\n")
    run(forger, stored_tries)
    assert "the key is ***" in read_log()
    assert "canary" not in read_log()
