"""``/v2/actor-tasks``: create, change and delete saved tasks, their input, starting a run."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.emulator.platform.api_errors import ApiError, invalid_request
from airflow_provider_apify.emulator.platform.ids_and_names import NAME
from airflow_provider_apify.emulator.platform.run_options import check_build, check_memory
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.routes.resource_access import find_actor, own_runs
from airflow_provider_apify.emulator.routes.run_endpoints import runs_response
from airflow_provider_apify.emulator.routes.run_start import start_run_response
from airflow_provider_apify.emulator.routes.webhook_endpoints import webhooks_response
from airflow_provider_apify.emulator.server.list_pagination import page_response
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response, json_response
from airflow_provider_apify.emulator.server.routing import Operations

TASKS: Operations[User] = Operations()
TASK: Operations[Task] = Operations()


@TASKS.on("GET")
async def _list_tasks(call: Call, user: User) -> Response:
    tasks = [task for task in call.platform.tasks.values() if task.user_id == user.id]
    return page_response(call, tasks, Task.describe_short)


@TASKS.on("POST")
async def _create_task(call: Call, user: User) -> Response:
    body = await call.json_object()
    reference = body.get("actId")
    if not isinstance(reference, str) or not reference:
        raise invalid_request("A task needs actId, the Actor it runs.")
    actor = find_actor(call, reference.replace("/", "~"))
    now = call.platform.clock.time()
    task = Task(user.id, user.username, "", actor, created_at=now, modified_at=now)
    task.name = f"task-{task.id.lower()}"
    _change(call, task, body)
    call.platform.tasks[task.id] = task
    return data_response(task.describe(), 201, Location=f"{call.base_url}/v2/actor-tasks/{task.id}")


@TASK.on("GET")
async def _get_task(call: Call, task: Task) -> Response:
    return data_response(task.describe())


@TASK.on("PUT")
async def _put_task(call: Call, task: Task) -> Response:
    _change(call, task, await call.json_object())
    return data_response(task.describe())


@TASK.on("DELETE")
async def _delete_task(call: Call, task: Task) -> Response:
    call.platform.tasks.pop(task.id, None)
    return Response(204)


@TASK.on("GET", "/input")
async def _get_task_input(call: Call, task: Task) -> Response:
    """Answer with a task's input, without an envelope."""
    return json_response(task.input or {})


@TASK.on("PUT", "/input")
async def _put_task_input(call: Call, task: Task) -> Response:
    """Change a task's input, field by field."""
    task.input = {**(task.input or {}), **await call.json_object()}
    task.modified_at = call.platform.clock.time()
    return json_response(task.input)


@TASK.on("GET", "/runs")
async def _list_task_runs(call: Call, task: Task) -> Response:
    """Answer with the runs of a task, filtered by time if ``Switches.task_runs_by_time`` says so."""
    runs = [run for run in own_runs(call, call.user) if run.task is task]
    return runs_response(call, runs, by_time=call.platform.switches.task_runs_by_time)


@TASK.on("POST", "/runs")
async def _start_task(call: Call, task: Task) -> Response:
    return await start_run_response(call, task.actor, task)


@TASK.on("GET", "/webhooks")
async def _list_task_webhooks(call: Call, task: Task) -> Response:
    return webhooks_response(call, "actorTaskId", task.id)


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
