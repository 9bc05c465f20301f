"""Calls about Actors and saved tasks."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.api.call import Call, no_result
from airflow_provider_apify.api.json_body import JSON_TYPE, encode_input
from airflow_provider_apify.api.targets import Target


def get_actor(actor_id: str) -> Call[dict[str, Any]]:
    """
    Get an Actor.

    :param actor_id: ID, `username/name` or `username~name`.
    """
    return Target.actor(actor_id).get()


def get_task(actor_task_id: str) -> Call[dict[str, Any]]:
    """
    Get a saved task, with its input and options.

    :param actor_task_id: ID, `username/name` or `username~name`.
    """
    return Target.task(actor_task_id).get()


def validate_input(actor_id: str, run_input: Any = None, *, build: str | None = None) -> Call[None]:
    """
    Check an input against the Actor's input schema; nothing is started.

    :param actor_id: ID, `username/name` or `username~name`.
    :param run_input: a JSON object, or a string that holds one; none is the same as an empty one.
    :param build: tag or number of the build whose schema counts; the Actor's default build by default.
    :raises ApifyInputError: naming every field that is wrong.
    """
    return Call(
        method="POST",
        path=f"{Target.actor(actor_id).path}/validate-input",
        params={"build": build},
        body=encode_input({} if run_input is None else run_input),
        headers={"Content-Type": JSON_TYPE},
        read=no_result,
    )
