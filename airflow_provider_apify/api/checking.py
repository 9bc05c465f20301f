"""Whether an Actor would take an input, asked before a run is started."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.api.calls import Answer, Call
from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.flows import Flow
from airflow_provider_apify.api.inputs import encode_input, json_value, resource_ref


def validate_input(actor_id: str, run_input: Any = None, *, build: str | None = None) -> Call[None]:
    """
    Check an input against the Actor's input schema; nothing is started.

    :param actor_id: ID, `username/name` or `username~name`.
    :param run_input: a JSON object, or a string that holds one.
    :param build: tag or number of the build whose schema counts.
    """
    body, media_type = encode_input({} if run_input is None else run_input)
    return Call(
        method="POST",
        path=f"/v2/actors/{resource_ref('Actor', actor_id)}/validate-input",
        params={"build": build},
        body=body,
        headers={"Content-Type": media_type},
        read=lambda answer: None,
    )


def get_actor(actor_id: str) -> Call[dict[str, Any]]:
    """
    Get an Actor.

    :param actor_id: ID, `username/name` or `username~name`.
    """
    return Call(
        method="GET",
        path=f"/v2/actors/{resource_ref('Actor', actor_id)}",
        read=Answer.data,
    )


def get_task(task_id: str) -> Call[dict[str, Any]]:
    """
    Get a saved task, with its input and options.

    :param task_id: ID, `username/name` or `username~name`.
    """
    return Call(
        method="GET",
        path=f"/v2/actor-tasks/{resource_ref('task', task_id)}",
        read=Answer.data,
    )


def check_actor_input(
    actor_id: str, run_input: Any, *, content_type: str | None, build: str | None
) -> Flow[None]:
    """
    Refuse an input that the Actor would not take.

    :param actor_id: the Actor.
    :param run_input: its input.
    :param content_type: media type of an input that is not JSON, which cannot be checked.
    :param build: the build that would run.
    :raises ApifyInputError: naming every field that is wrong.
    """
    if content_type is not None:
        raise ApifyConfigurationError(
            f"`validate_input` checks JSON, not {content_type}. Leave one of them out. Nothing was started."
        )
    yield validate_input(actor_id, run_input, build=build)


def check_task_input(
    task_id: str, run_input: Any, *, content_type: str | None, build: str | None
) -> Flow[None]:
    """
    Refuse an input that the task's Actor would not take, once it is laid over the task's own.

    :param task_id: the task.
    :param run_input: laid over the task's input.
    :param content_type: media type of an input that is not JSON, which cannot be checked.
    :param build: the build that would run; the task's own by default.
    :raises ApifyInputError: naming every field that is wrong.
    """
    task = yield get_task(task_id)
    given = json_value(run_input, content_type) or {}
    if not isinstance(given, dict):
        raise ApifyConfigurationError(
            f"The input of a task is a JSON object, not a {type(given).__name__}. Nothing was started."
        )
    build = build or (task.get("options") or {}).get("build")
    merged = {**(task.get("input") or {}), **given}
    yield from check_actor_input(task["actId"], merged, content_type=content_type, build=build)
