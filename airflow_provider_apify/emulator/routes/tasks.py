"""Saved tasks."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_apify.emulator.accounts import Task
from airflow_provider_apify.emulator.call import Answer, Call, data_answer, json_answer
from airflow_provider_apify.emulator.errors import ApiError, invalid_request, not_found
from airflow_provider_apify.emulator.routes.access import own_runs
from airflow_provider_apify.emulator.routes.runs import list_runs
from airflow_provider_apify.emulator.routes.starts import check_build, check_memory, start_answer
from airflow_provider_apify.emulator.routes.webhooks import webhooks_answer
from airflow_provider_apify.emulator.routing import Family, Router

TASK: Family[Task] = Family()
NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")


def register(router: Router) -> None:
    """Add the collection of tasks."""
    router.add("GET", "/v2/actor-tasks", list_tasks)
    router.add("POST", "/v2/actor-tasks", create_task)


async def list_tasks(call: Call) -> Answer:
    """Answer with the user's tasks."""
    user = call.user
    tasks = [task for task in call.platform.tasks.values() if task.user_id == user.id]
    return call.page(tasks, Task.describe_short)


async def create_task(call: Call) -> Answer:
    """Save a task."""
    user = call.user
    body = await call.json_object()
    reference = body.get("actId")
    if not isinstance(reference, str) or not reference:
        raise invalid_request("A task needs actId, the Actor it runs.")
    actor = call.platform.find(call.platform.actors, reference.replace("/", "~"), user, bare=True)
    if actor is None or not (actor.is_public or actor.user_id == user.id):
        raise not_found("Actor")
    now = call.platform.clock.time()
    task = Task(user.id, user.username, "", actor, created_at=now, modified_at=now)
    task.name = f"task-{task.id.lower()}"
    _change(call, task, body)
    call.platform.tasks[task.id] = task
    return data_answer(task.describe(), 201, Location=f"{call.base_url}/v2/actor-tasks/{task.id}")


@TASK.on("GET")
async def get_task(call: Call, task: Task) -> Answer:
    """Answer with a task."""
    return data_answer(task.describe())


@TASK.on("PUT")
async def put_task(call: Call, task: Task) -> Answer:
    """Change a task."""
    _change(call, task, await call.json_object())
    return data_answer(task.describe())


@TASK.on("DELETE")
async def delete_task(call: Call, task: Task) -> Answer:
    """Delete a task."""
    call.platform.tasks.pop(task.id, None)
    return Answer(204)


@TASK.on("GET", "/input")
async def get_task_input(call: Call, task: Task) -> Answer:
    """Answer with a task's input, without an envelope."""
    return json_answer(task.input or {})


@TASK.on("PUT", "/input")
async def put_task_input(call: Call, task: Task) -> Answer:
    """Change a task's input, field by field."""
    task.input = {**(task.input or {}), **await call.json_object()}
    task.modified_at = call.platform.clock.time()
    return json_answer(task.input)


@TASK.on("GET", "/runs")
async def list_task_runs(call: Call, task: Task) -> Answer:
    """Answer with the runs of a task; ``Switches.task_runs_by_time`` says whether times are a filter here."""
    runs = [run for run in own_runs(call, call.user) if run.task is task]
    return list_runs(call, runs, by_time=call.platform.switches.task_runs_by_time)


@TASK.on("POST", "/runs")
async def start_task(call: Call, task: Task) -> Answer:
    """Start a run of a task."""
    return await start_answer(call, task.actor, task)


@TASK.on("GET", "/webhooks")
async def list_task_webhooks(call: Call, task: Task) -> Answer:
    """Answer with the user's webhooks on the task."""
    return webhooks_answer(call, "actorTaskId", task.id)


def _change(call: Call, task: Task, body: dict[str, Any]) -> None:
    name = body.get("name")
    if "name" in body:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise invalid_request("A name may hold letters, digits and hyphens, at most 63 of them.")
        for other in call.platform.tasks.values():
            if other is not task and other.user_id == task.user_id and other.name.lower() == name.lower():
                raise ApiError(409, "actor-task-name-not-unique", f"You already have a task named {name}.")
    for field, kind in (("input", dict), ("options", dict), ("title", str)):
        if body.get(field) is not None and not isinstance(body[field], kind):
            raise invalid_request(f"{field} must be {'an object' if kind is dict else 'a string'}.")
    options = body.get("options") or {}
    if options.get("memoryMbytes") is not None:
        check_memory(options["memoryMbytes"])
    if options.get("build"):
        check_build(task.actor, options["build"])
    task.name = name or task.name
    task.title = body.get("title", task.title)
    task.input = body.get("input", task.input)
    if "options" in body:
        task.options = {**task.options, **options}
    task.modified_at = call.platform.clock.time()
