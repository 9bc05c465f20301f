"""The input of a run: what is refused before it costs anything, and what stays secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred, redact
from jinja2 import Environment, FileSystemLoader

from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyInputError, ApifyNotFoundError
from airflow_provider_apify.api.request_body import encode_json
from airflow_provider_apify.api.run_options import run_params
from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator
from tests.support.task_context import TaskTries
from tests.support.triggerer import event_of

pytestmark = pytest.mark.usefixtures("server")

SCHEMA = {
    "title": "Strict",
    "type": "object",
    "schemaVersion": 1,
    "properties": {
        "maxPages": {"type": "integer", "minimum": 1},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
    },
    "required": ["maxPages"],
}


@pytest.fixture
def strict(emulator: Emulator) -> Emulator:
    """An Apify with an Actor that takes only what its input schema allows, and a task of it."""
    emulator.add_actor("emulator/strict", function=lambda actor: None, input_schema=SCHEMA)
    emulator.add_task("emulator/strict-job", actor="emulator/strict", input={"maxPages": 3})
    return emulator


def paths(emulator: Emulator) -> list[str]:
    return [seen.path.rpartition("/")[2] for seen in emulator.requests]


@pytest.mark.parametrize("as_text", [False, True])
def test_a_wrong_input_is_refused_by_the_start_and_every_wrong_field_is_named(
    strict: Emulator, task_tries: TaskTries, as_text: bool
) -> None:
    order: Any = {"maxPages": 0, "mode": "warp"}
    operator = RunActorOperator(
        task_id="run", actor_id="emulator/strict", run_input=json.dumps(order) if as_text else order
    )
    with pytest.raises(ApifyInputError) as raised:
        operator.execute(task_tries.context)
    for word in ("maxPages", "mode", "Nothing was started"):
        assert word in str(raised.value)
    assert not strict.runs
    assert paths(strict) == ["runs"]


def test_a_wrong_input_of_a_task_is_refused_by_the_start(strict: Emulator, task_tries: TaskTries) -> None:
    operator = RunTaskOperator(task_id="run", actor_task_id="emulator/strict-job", run_input={"mode": "warp"})
    with pytest.raises(ApifyInputError, match="mode"):
        operator.execute(task_tries.context)
    assert not strict.runs


def test_an_input_can_be_checked_without_a_start(strict: Emulator, hook: ApifyHook) -> None:
    hook.validate_input("emulator/strict", {"maxPages": 1})
    with pytest.raises(ApifyInputError, match="maxPages"):
        hook.validate_input("emulator/strict", '{"maxPages": 0}')
    assert not strict.runs
    assert paths(strict) == ["validate-input"] * 2


@pytest.mark.parametrize(
    ("given", "rendered"),
    [
        ('{"password": "{{ 1 + 1 }}"}', {"password": "2"}),
        ("[1]", [1]),
        ('"a string"', '"a string"'),
        ("{broken", "{broken"),
    ],
)
def test_an_input_of_text_becomes_one_whose_secrets_can_be_masked(given: str, rendered: Any) -> None:
    operator = RunActorOperator(task_id="run", actor_id="emulator/strict", run_input=given)
    operator.render_template_fields({}, Environment())
    assert operator.run_input == rendered


@pytest.mark.usefixtures("fast_clock")
@pytest.mark.parametrize("goes_on", [False, True])
def test_secrets_of_the_input_are_masked_in_whatever_the_task_logs(
    stored_tries: TaskTries, goes_on: bool
) -> None:
    secret = f"canary-{goes_on}"

    def operator(password: str) -> RunActorOperator:
        return RunActorOperator(task_id="run", actor_id="emulator/worker", run_input={"password": password})

    operator("another" if goes_on else secret).execute(stored_tries.context)
    if goes_on:
        operator(secret).execute(stored_tries.retry())
    assert redact(f"the Actor logged {secret}") == "the Actor logged ***"


@pytest.mark.parametrize(
    ("given", "secret"),
    [([{"password": "canary-list"}], "canary-list"), ('{"password": "canary-text"}', "canary-text")],
)
def test_secrets_are_masked_in_whatever_form_the_input_has(given: Any, secret: str) -> None:
    for run_input in (given, ["no secret"]):
        RunActorOperator(task_id="run", actor_id="a", run_input=run_input).mask_run_input()
    assert redact(f"{secret} is, and no secret is not") == "*** is, and no secret is not"


def test_no_actor_names_a_file_that_goes_to_the_next_one(tmp_path: Path) -> None:
    """Airflow resolves mapped arguments first, and says which values came from other tasks."""
    (tmp_path / "key.json").write_text('{"private": "key"}')
    environment = Environment(loader=FileSystemLoader(tmp_path))
    operator = RunActorOperator(task_id="run", actor_id="a", run_input="key.json")
    seen = {id(operator.run_input)}
    operator._do_render_template_fields(operator, ["run_input"], {}, environment, seen)
    assert operator.run_input == "key.json"


def test_what_is_not_given_is_not_sent() -> None:
    assert set(run_params({}).values()) == {None}
    assert run_params({"max_items": 1, "webhooks": []}) == run_params({}) | {"maxItems": 1}


def test_only_the_input_itself_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"url": "{{ word }}/feed.json"}')
    rendered = []
    context: Any = {"word": "x"}
    for given in ("input.json", {"url": "{{ word }}/feed.json"}):
        operator = RunActorOperator(task_id="run", actor_id="a", run_input=given)
        operator.render_template_fields(context, Environment(loader=FileSystemLoader(tmp_path)))
        rendered.append(operator.run_input)
    assert rendered == [{"url": "x/feed.json"}] * 2


@pytest.mark.usefixtures("fast_clock")
def test_the_file_of_an_input_is_needed_until_its_run_is_started_and_not_longer(
    emulator: Emulator, task_tries: TaskTries, tmp_path: Path
) -> None:
    (file := tmp_path / "input.json").write_text('{"seconds": 36000}')

    def operator() -> RunActorOperator:
        made = RunActorOperator(
            task_id="run",
            actor_id="emulator/worker",
            run_input=file.name,
            wait_for_completion=True,
            deferrable=True,
        )
        made.render_template_fields({}, Environment(loader=FileSystemLoader(tmp_path)))
        return made

    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(task_tries.context)
    file.unlink()
    # A retry goes on with the run.
    with pytest.raises(TaskDeferred):
        operator().execute(task_tries.retry())
    emulator.clock.advance(36000)
    event = asyncio.run(event_of(deferred.value.trigger))
    assert operator().execute_complete(task_tries.context, event)["status"] == "SUCCEEDED"
    with pytest.raises(ApifyConfigurationError, match=r"`run_input` ends in `\.json`"):
        operator().execute(task_tries.clear())
    assert len(emulator.runs) == 1


def test_sequences_and_rendered_options_are_accepted() -> None:
    class LazySequence(Sequence[int]):
        """As Airflow gives the results of mapped tasks."""

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: Any) -> Any:
            return [1, 2][index]

    assert encode_json({"ids": LazySequence()}) == b'{"ids": [1, 2]}'
    rendered: Any = {"run_timeout": 0.5, "restart_on_error": "True"}
    params = run_params(rendered)
    assert (params["timeout"], params["restartOnError"]) == (1, True)
    with pytest.raises(ApifyConfigurationError, match="True or False"):
        run_params(rendered | {"restart_on_error": "yes please"})


def test_an_unknown_actor_is_told_from_a_wrong_input(strict: Emulator, task_tries: TaskTries) -> None:
    with pytest.raises(ApifyNotFoundError):
        RunActorOperator(task_id="run", actor_id="emulator/nobody").execute(task_tries.context)


@pytest.mark.parametrize(
    ("price", "limit", "warned"), [(0.01, None, True), (0.01, 2.0, False), (None, None, False)]
)
def test_a_run_paid_per_event_without_a_limit_is_warned_of(
    emulator: Emulator,
    task_tries: TaskTries,
    read_log: Any,
    price: float | None,
    limit: float | None,
    warned: bool,
) -> None:
    paid = {"pay_per_event": {"page": price}} if price else {}
    emulator.add_actor("emulator/paid", function=lambda actor: None, **paid)
    RunActorOperator(task_id="run", actor_id="emulator/paid", max_total_charge_usd=limit).execute(
        task_tries.context
    )
    assert ("charges per event" in read_log()) is warned
