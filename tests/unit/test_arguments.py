"""Arguments are taken as documented; hostile ones are refused by their names, before anything is sent."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from airflow import __version__ as airflow_version
from jinja2 import DictLoader, Environment

from airflow_provider_apify.api.arguments import (
    boolean,
    exactly_one,
    file_path,
    flags,
    media_type,
    moment,
    number,
    one_of,
    required_text,
    resource_ref,
    seconds,
    storage_name,
    text,
    texts,
)
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.get_provider_info import get_provider_info
from airflow_provider_apify.hooks.api_method import ApiMethod
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.operators.storage import SetKeyValueStoreRecordOperator
from tests.support.connections import set_connection
from tests.support.task_context import TaskTries

DEEP: Any = {}
for _ in range(3_000):
    DEEP = {"a": DEEP}

IDS = [None, 5, True, "", ".", "..", "a b", "a/b/c", "a?b", "\ud800", {"id": "x"}, ["x"]]
TEXT: list[Any] = [5, 0.1, True, b"x", ["x"], {"a": 1}, "\0", "\ud800"]
REQUIRED = [None, "", *TEXT]
WHOLE: list[Any] = ["x", nan, inf, "inf", "nan", -1, 1.5, "1.5", True, 10**400, 10**5000, "1e999", [1], {}]
NUMBER: list[Any] = ["x", nan, inf, -inf, "inf", -1, True, 10**400, 1e300, [1], {}]
FLAG: list[Any] = ["False", "", None, 1, []]
FIELDS: list[Any] = [5, True, [1], [""], ["a,b"], "['a']", {"a": 1}, b"a"]
FILE = [*REQUIRED, "x" * 256, f"/tmp/{'ž' * 128}/x"]

#: Values that no entry may take, by the name of the parameter.
HOSTILE: dict[str, list[Any]] = {
    **dict.fromkeys(("actor_id", "actor_task_id", "run_id", "dataset_id", "key_value_store_id"), IDS),
    "webhook_id": IDS,
    **dict.fromkeys(("build", "view", "prefix", "origin", "description", "exclusive_start_key"), TEXT),
    **dict.fromkeys(("payload_template", "headers_template", "conn_id", "aws_conn_id", "bucket_name"), TEXT),
    **dict.fromkeys(("apify_conn_id", "key", "idempotency_key", "request_url"), REQUIRED),
    "name": [*REQUIRED, "a/b", "a~b"],
    **dict.fromkeys(("offset", "expected_rows", "max_bytes"), WHOLE),
    **{key: [*WHOLE, 0] for key in ("memory_mbytes", "max_items", "limit", "rows_per_file")},
    **{key: [*WHOLE, 0, None, ""] for key in ("concurrency", "items_per_part", "max_attempts")},
    **dict.fromkeys(("run_timeout", "max_total_charge_usd", "wait_timeout", "wait_for_finish"), NUMBER),
    "max_age": [*NUMBER, None],
    "wait_for_capacity": NUMBER,
    "poke_interval": [*NUMBER, None, 0],
    **{key: ["yes", 1, [], {}] for key in ("restart_on_error", "should_interpolate_strings")},
    **dict.fromkeys(("wait_for_completion", "deferrable", "cancel_on_kill", "abort_gracefully"), FLAG),
    **dict.fromkeys(("durable", "replace", "clean", "skip_hidden", "skip_empty", "bom"), FLAG),
    **dict.fromkeys(("fail_on_empty", "checksum", "raw", "desc"), FLAG),
    **{key: ["x", "", None, 5, [], {}] for key in ("returns", "actor_log", "on_retry")},
    **dict.fromkeys(("fields", "omit", "unwind", "flatten"), FIELDS),
    "keys": [5, [5], [""], {"a": 1}, ["\0"], b"x"],
    "status": [5, [5], "\0"],
    "statuses": [5, [5], None, [], "RUNNING", [["SUCCEEDED"]]],
    "event_types": [None, [], 5, [5], "", {"a": 1}],
    "webhooks": ["x", 5, [5], ["x"], {"a": 1}, [{"x": nan}], [{"x": object()}]],
    "options": ["x", 5, [], {"memory": 512}],
    "started_after": ["yesterday", 5],
    "started_before": ["today", 5],
    "format": [5, "yaml", ["csv"], "\0"],
    "delimiter": [None, 5, "", ";;", '"', "\n", "\ud800"],
    "content_type": [5, "text/plain\r\nX: y", "текст/plain", "plain", "text/plain; x=ž", "\0"],
    "run_input": ["{not json", "\ud800", object(), {"x": nan}, {"x": 10**5000}, "[" * 100_000],
    "value": [object(), {"x": nan}, {"x": {1, 2}}, None, "\ud800"],
    "items": [5, "x", None],
    "path": FILE,
}
#: Where the same name takes something else.
ELSEWHERE: dict[tuple[str, str], list[Any]] = {
    ("PushDatasetItemsOperator", "path"): FILE[2:],
    ("SetKeyValueStoreRecordOperator", "path"): FILE[2:],
    ("DatasetToObjectStorageOperator", "path"): REQUIRED,
    ("KeyValueStoreToObjectStorageOperator", "path"): REQUIRED,
    # Airflow itself gives up on operators with so many levels.
    **{(name, "run_input"): [*HOSTILE["run_input"], DEEP] for name in ("start_actor_run", "validate_input")},
    ("set_record", "value"): ["x", None, {}, 5],
    ("set_record", "content_type"): [*HOSTILE["content_type"], None, ""],
    ("push_items", "items"): [[], "x", None, {}],
}
#: Airflow's own; and what only our own code passes.
NOT_OURS = {"kwargs", "mode", "params", "queue", "unknown_for"}
VALID: dict[str, Any] = {
    "actor_id": "emulator/worker",
    "actor_task_id": "emulator/job",
    "key": "KEY",
    "name": "name",
    "path": "/tmp/never-written.jsonl",
    "items": b"[]",
    "value": b"",
    "content_type": "text/plain",
    "items_per_part": 5,
    "max_age": 60,
    "event_types": ["ACTOR.RUN.FAILED"],
}
RIVALS = {
    "actor_id": "actor_task_id",
    "actor_task_id": "actor_id",
    "items": "path",
    "value": "path",
}


def entries() -> Iterator[tuple[str, Callable[..., Any]]]:
    info = get_provider_info()
    modules = [
        module
        for kind in ("operators", "sensors")
        for group in info[kind]
        for module in group["python-modules"]
    ]
    modules += [transfer["python-module"] for transfer in info["transfers"]]
    for module in dict.fromkeys(modules):
        for name, class_ in vars(importlib.import_module(module)).items():
            if name.endswith(("Operator", "Sensor")) and class_.__module__ == module and name[0] != "_":
                yield name, class_
    if not airflow_version.startswith("2."):
        from airflow_provider_apify.triggers.run_event import ApifyRunEventTrigger

        yield "ApifyRunEventTrigger", ApifyRunEventTrigger
    for name, method in vars(ApifyHook).items():
        if isinstance(method, ApiMethod) or name in ("wait_for_run", "iterate_items", "split_dataset"):
            yield name, method


def cases() -> Iterator[Any]:
    for entry_name, entry in entries():
        for parameter in inspect.signature(entry).parameters:
            if parameter not in {"self", *NOT_OURS}:
                yield pytest.param(entry_name, entry, parameter, id=f"{entry_name}-{parameter}")


def arguments_of(entry: Any, parameter: str) -> dict[str, Any]:
    """Return what else the entry needs, without what excludes the parameter."""
    parameters = inspect.signature(entry).parameters
    given = {
        name: VALID.get(name, "x")
        for name, about in parameters.items()
        if about.default is inspect.Parameter.empty and name not in ("self", "kwargs", "params")
    }
    if "actor_id" in parameters and "actor_task_id" in parameters and parameter not in RIVALS:
        given["actor_id"] = VALID["actor_id"]
    if "path" in parameters and "value" in parameters and parameter != "path":
        given["value"] = "text"
    if "path" in parameters and "items" in parameters and parameter != "path":
        given["items"] = [{}]
    if "path" in parameters and parameter == "aws_conn_id":
        given = {name: value for name, value in given.items() if name not in ("value", "items")}
        given["path"] = "/nonexistent"
    if "bucket_name" in parameters:
        given["key"] = "s3://bucket/key"
    return given


def use(entry: Any, arguments: dict[str, Any]) -> None:
    task: Any
    if getattr(entry, "__name__", "") == "ApifyRunEventTrigger":
        entry(**arguments)
        return
    if not isinstance(entry, ApiMethod) and inspect.isclass(entry):
        task = cast("Any", entry)(task_id="task", **arguments)
        method = task.poke if entry.__name__ == "ApifyLastRunSensor" else task.execute
        method(TaskTries().context)
        return
    result = getattr(ApifyHook(), cast("Any", entry).__name__)(**arguments)
    if inspect.isgenerator(result):
        list(result)


@pytest.mark.parametrize(("entry_name", "entry", "parameter"), list(cases()))
def test_a_hostile_argument_is_refused_by_its_name_before_anything_is_sent(
    emulator: Emulator, server: Any, entry_name: str, entry: Any, parameter: str
) -> None:
    wrong = []
    values = ELSEWHERE.get((entry_name, parameter), HOSTILE[parameter])
    for position, value in enumerate(values):
        if value is None and (RIVALS.get(parameter) in inspect.signature(entry).parameters):
            continue
        try:
            use(entry, {**arguments_of(entry, parameter), parameter: value})
            problem = "taken"
        except ApifyConfigurationError as error:
            problem = "" if f"`{parameter}`" in str(error) and len(str(error)) < 600 else str(error)[:300]
        except Exception as error:
            problem = f"{type(error).__name__}: {str(error)[:200]}"
        if emulator.requests:
            problem += f" {[f'{seen.method} {seen.path}' for seen in emulator.requests]}"
            emulator.requests.clear()
        if problem:
            wrong.append((position, problem))
    assert not wrong


@pytest.mark.parametrize("value", [512, 512.0, "512", " 512 ", "512.0", "5.12e2"])
def test_numbers_of_templates_are_numbers(value: Any) -> None:
    assert number("memory_mbytes", value, int) == 512


def test_a_text_of_many_levels_is_refused(emulator: Emulator, server: Any) -> None:
    operator = RunActorOperator(task_id="run", actor_id="a", run_input='{"a":' * 3_000 + "1" + "}" * 3_000)

    def run() -> None:
        operator.render_template_fields({}, Environment())
        operator.execute(TaskTries().context)

    with pytest.raises(ApifyConfigurationError, match="`run_input`"):
        run()
    assert not emulator.requests


def test_a_text_that_is_no_path_of_an_input_says_so(emulator: Emulator, server: Any) -> None:
    operator = RunActorOperator(task_id="run", actor_id="a", run_input="https://example.com/feed.json")
    operator.render_template_fields({}, Environment(loader=DictLoader({})))
    with pytest.raises(ApifyConfigurationError, match=r"`run_input` ends in `\.json`"):
        operator.execute(TaskTries().context)
    assert not emulator.requests


def test_no_more_of_a_large_file_is_read_than_shows_that_it_is_too_large(server: Any, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    operator = SetKeyValueStoreRecordOperator(
        task_id="set", key_value_store_id="x", key="K", path=str(tmp_path / "large")
    )
    with pytest.raises(ApifyConfigurationError, match="more than the 9,437,184 bytes"):
        operator.execute({})


@pytest.mark.parametrize("name", ["request_timeout", "long_poll_seconds"])
@pytest.mark.parametrize("value", [inf, "nan", -1, True, 1e300])
def test_numbers_of_a_connection_are_checked(
    server: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    set_connection(monkeypatch, host=server.url, password="x", extra={name: value})
    with pytest.raises(ApifyConfigurationError, match=f"`{name}` must be a number"):
        ApifyHook().get_user()


Origin = Literal["API", "WEB"]


@pytest.mark.parametrize(
    ("check", "value", "read"),
    [
        (partial(number, convert=int), 0, 0),
        (partial(number, convert=int), 2**53 - 1, 2**53 - 1),
        (partial(number, convert=int, least=1), "1", 1),
        (partial(number, convert=float, most=7), 7, 7.0),
        (partial(number, convert=int), None, None),
        (partial(number, convert=int), "", None),
        (seconds, timedelta(minutes=1), 60.0),
        (seconds, 2**31 - 1, 2.0**31 - 1),
        (seconds, "0.5", 0.5),
        (seconds, None, None),
        (boolean, "True", True),
        (boolean, "false", False),
        (boolean, True, True),
        (boolean, "", None),
        (boolean, None, None),
        (text, None, None),
        (text, "", ""),
        (required_text, "x", "x"),
        (texts, "one", ("one",)),
        (texts, ["one", "two"], ("one", "two")),
        (texts, None, ()),
        (resource_ref, " user/name ", "user~name"),
        (resource_ref, "user~na.me", "user~na.me"),
        (resource_ref, "abcDEF123", "abcDEF123"),
        (resource_ref, "~na.me", "~na.me"),
        (resource_ref, "u" * 99 + "/" + "n" * 100, "u" * 99 + "~" + "n" * 100),
        (storage_name, "my-results", "my-results"),
        (file_path, "x" * 255, "x" * 255),
        (file_path, Path("folder/file"), "folder/file"),
        (media_type, "text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        (moment, None, None),
        (moment, datetime(2026, 11, 27), datetime(2026, 11, 27)),
        (partial(one_of, choices=Origin), "API", None),
    ],
)
def test_what_can_be_used_is_taken(check: Callable[..., Any], value: Any, read: Any) -> None:
    taken = check("argument", value)
    assert (taken, type(taken)) == (read, type(read))


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (partial(number, convert=int), -1, "a whole number ≥ 0, got -1"),
        (partial(number, convert=int), 1.5, "a whole number ≥ 0, got 1.5"),
        (partial(number, convert=int), 2**53, "a whole number ≤ 9,007,199,254,740,991"),
        (partial(number, convert=int), True, "a whole number ≥ 0, got True"),
        (partial(number, convert=int, least=1), 0, "a whole number ≥ 1, got 0"),
        (partial(number, convert=float, most=7), 7.5, "a number ≤ 7, got 7.5"),
        (partial(number, convert=float, required=True), "", "a number ≥ 0, got ''"),
        (partial(number, convert=float, required=True), None, "a number ≥ 0, got None"),
        (seconds, 2**31, "a number ≤ 2,147,483,647"),
        (partial(seconds, required=True), None, "a number ≥ 0, got None"),
        (boolean, "yes", "True or False, got 'yes'"),
        (boolean, 1, "True or False, got 1"),
        (text, 7, "a text, not a int"),
        (text, "a\0b", "a character that cannot be sent"),
        (text, "a\ud800b", "a character that cannot be sent"),
        (required_text, "", "a text, not an empty one"),
        (required_text, None, "a text, not a NoneType"),
        (texts, 7, "a list of texts, not a int"),
        (texts, {"a": 1}, "a list of texts, not a dict"),
        (texts, ["a", ""], "not an empty one"),
        (resource_ref, "a/b/c", "an ID or `username/name`, as Console shows it"),
        *(
            (resource_ref, ref, "an ID or `username/name`")
            for ref in ("..", "../a", "a/..", "~.", "a~", "é", "٣")
        ),
        # The time grows with the length, and no faster.
        *(
            (resource_ref, ref, "an ID or `username/name`")
            for ref in ("a" * 201, "a" * 10**5 + "!", "~" * 10**5)
        ),
        (resource_ref, None, "got None"),
        (resource_ref, {"id": "x"}, "an ID, a text, not a dict"),
        (storage_name, "me/x", "without `/` and `~`"),
        (storage_name, "me~x", "without `/` and `~`"),
        (file_path, "folder/" + "x" * 256, "at most 255 bytes"),
        (media_type, "text", "a media type such as"),
        (moment, "2026-11-27", "a datetime, got '2026-11-27'"),
        (partial(one_of, choices=Origin), "MARS", "one of 'API', 'WEB', got 'MARS'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_would_do(
    check: Callable[..., Any], value: Any, words: str
) -> None:
    with pytest.raises(ApifyConfigurationError, match=re.escape(words)) as raised:
        check("argument", value)
    assert "`argument`" in str(raised.value)


@pytest.mark.parametrize("name", ["run_id", "webhook_id"])
def test_what_has_no_name_is_named_by_its_id(name: str) -> None:
    with pytest.raises(ApifyConfigurationError, match="must be an ID, as Console shows it"):
        resource_ref(name, "a/b/c")


def test_a_refusal_shows_no_more_than_the_ends_of_a_long_value() -> None:
    with pytest.raises(ApifyConfigurationError) as raised:
        boolean("argument", "x" * 1000)
    assert 50 <= str(raised.value).count("x") <= 60


@pytest.mark.parametrize("given", [{}, {"a": 1}, {"a": 0, "b": 0}])
def test_one_of_several_arguments_has_to_be_given(given: Any) -> None:
    arguments = {"a": None, "b": None, **given}
    if len(given) == 1:
        exactly_one(**arguments)
        return
    with pytest.raises(ApifyConfigurationError, match="Give either `a` or `b`"):
        exactly_one(**arguments)


def test_a_flag_is_no_text() -> None:
    flags(a=True, b=False)
    with pytest.raises(ApifyConfigurationError, match="`b` must be True or False, got 'False'"):
        flags(a=True, b="False")
