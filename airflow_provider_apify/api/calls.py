"""What a call to the API is, as a value; and the calls about runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.inputs import RunOptions, encode_input, exactly_one, resource_ref, run_params
from airflow_provider_apify.api.models import ActorRun

T = TypeVar("T")
S = TypeVar("S")

#: Longest that `waitForFinish` holds an answer, in seconds (API reference, "Get run").
MAX_WAIT_SECONDS = 60
#: Most entries of a list in one answer (API reference, "Pagination").
MAX_LIST_LIMIT = 1000


@dataclass(frozen=True)
class Answer:
    """
    A whole HTTP answer.

    :param status: the HTTP status.
    :param headers: the headers, found in any case.
    :param body: the body, decoded unless the call asks for it raw.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the parsed body; raises :class:`ValueError` if it is no JSON."""
        return json.loads(self.body)

    def data(self) -> Any:
        """Return what the API wraps its objects in."""
        return self.json()["data"]


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """
    One call to the API.

    :param method: HTTP method.
    :param path: path below the base URL.
    :param read: makes the result of a successful answer.
    :param params: query parameters; those that are None are not sent.
    :param body: request body.
    :param headers: further request headers.
    :param replayable: whether sending it again has no further effect.
    :param patience: how often it is tried at the most.
    :param wait: seconds the server may hold the answer on purpose.
    :param raw: leave the body as it came over the wire (`Content-Encoding` not undone); on a worker only.
    :param max_bytes: how large a body may be; a larger one is given up as soon as that is seen.
    """

    method: str
    path: str
    read: Callable[[Answer], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    replayable: bool = True
    patience: int = 8
    wait: float = 0
    raw: bool = False
    max_bytes: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def read_as(self, read: Callable[[Answer], S], **changes: Any) -> Call[S]:
        """
        Return the same call with another result.

        :param read: makes the result of a successful answer.
        :param changes: other attributes to change.
        """
        return cast("Call[S]", replace(self, read=cast("Any", read), **changes))


def start_actor_run(
    actor_id: str,
    run_input: Any = None,
    *,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: RunOptions | None = None,
) -> Call[ActorRun]:
    """
    Start a run of an Actor and return at once. Costs money; is never repeated blindly.

    :param actor_id: ID, `username/name` or `username~name`.
    :param run_input: see :func:`encode_input`.
    :param content_type: media type of an input that is not JSON.
    :param headers: further request headers.
    :param options: see :class:`RunOptions`.
    """
    path = _path("actors", "Actor", actor_id, "runs")
    return _start(path, run_input, content_type, headers, options or {})


def start_task_run(
    task_id: str,
    run_input: Any = None,
    *,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    options: RunOptions | None = None,
) -> Call[ActorRun]:
    """
    Start a run of a saved task and return at once; the input is merged over the task's own, field by field.

    :param task_id: ID, `username/name` or `username~name`.
    :param run_input: see :func:`encode_input`.
    :param content_type: media type of an input that is not JSON.
    :param headers: further request headers.
    :param options: see :class:`RunOptions`; `force_permission_level` is not for tasks.
    """
    if (options or {}).get("force_permission_level"):
        raise ApifyConfigurationError("`force_permission_level` is for Actors only, not for tasks.")
    return _start(
        _path("actor-tasks", "task", task_id, "runs"), run_input, content_type, headers, options or {}
    )


def get_run(run_id: str, *, wait_for_finish: float = 0, patience: int = 8) -> Call[ActorRun]:
    """
    Get a run, optionally holding the answer until it ends.

    :param run_id: ID of the run.
    :param wait_for_finish: seconds that Apify may hold the answer, up to 60.
    :param patience: how often it is tried at the most.
    """
    wait = max(0, min(int(wait_for_finish), MAX_WAIT_SECONDS))
    return Call(
        method="GET",
        path=_path("actor-runs", "run", run_id),
        params={"waitForFinish": wait or None},
        wait=wait,
        patience=patience,
        read=_read_run,
    )


def abort_run(run_id: str, *, gracefully: bool = False) -> Call[ActorRun]:
    """
    Stop a run. Apify does nothing, or refuses, if the run is over already.

    :param run_id: ID of the run.
    :param gracefully: let the Actor save its state first, for up to 30 s.
    """
    return Call(
        method="POST",
        path=_path("actor-runs", "run", run_id, "abort"),
        params={"gracefully": gracefully or None},
        read=_read_run,
    )


def resurrect_run(run_id: str, *, options: RunOptions | None = None) -> Call[ActorRun]:
    """
    Let a finished run go on, with its own storages.

    :param run_id: ID of the run.
    :param options: what is to be other than before; limits may only rise.
    """
    return Call(
        method="POST",
        path=_path("actor-runs", "run", run_id, "resurrect"),
        params=run_params(options or {}),
        replayable=False,
        read=_read_run,
    )


def list_runs(
    *,
    actor_id: str | None = None,
    task_id: str | None = None,
    status: str | Sequence[str] | None = None,
    started_after: datetime | None = None,
    started_before: datetime | None = None,
    offset: int = 0,
    limit: int = MAX_LIST_LIMIT,
    desc: bool = True,
) -> Call[list[ActorRun]]:
    """
    List runs of an Actor, of a task or of the whole account. The runs of a list lack most fields.

    :param actor_id: only runs of this Actor.
    :param task_id: only runs of this task; Apify does not document the time filters here.
    :param status: only runs in this status, or one of these.
    :param started_after: only runs started at or after this time.
    :param started_before: only runs started at or before this time.
    :param offset: how many to pass over.
    :param limit: how many at the most, up to 1,000.
    :param desc: newest first.
    """
    return Call(
        method="GET",
        path=_runs_path(actor_id, task_id),
        params={
            "status": status if status is None or isinstance(status, str) else ",".join(status),
            "startedAfter": _iso(started_after),
            "startedBefore": _iso(started_before),
            "offset": offset or None,
            "limit": limit,
            "desc": desc or None,
        },
        read=lambda answer: [ActorRun(item) for item in answer.data()["items"]],
    )


def get_last_run(
    *,
    actor_id: str | None = None,
    task_id: str | None = None,
    status: str | None = None,
    origin: str | None = None,
) -> Call[ActorRun]:
    """
    Get the run of an Actor or of a task that was started last, running ones included.

    :param actor_id: the Actor, or
    :param task_id: the task.
    :param status: only runs in this status.
    :param origin: only runs that were started so: `API`, `SCHEDULER`, `WEB`, …
    """
    exactly_one(actor_id=actor_id or None, actor_task_id=task_id or None)
    return Call(
        method="GET",
        path=f"{_runs_path(actor_id, task_id)}/last",
        params={"status": status, "origin": origin},
        read=_read_run,
    )


def get_log(run_id: str, *, patience: int = 8) -> Call[str]:
    """
    Get the whole log of a run, at most some 10 MB.

    :param run_id: ID of the run.
    :param patience: how often it is tried at the most.
    """
    return Call(
        method="GET",
        path=_path("actor-runs", "run", run_id, "log"),
        patience=patience,
        read=lambda answer: answer.body.decode(errors="replace"),
    )


def get_user() -> Call[dict[str, Any]]:
    """Get the account that the token belongs to."""
    return Call(method="GET", path="/v2/users/me", patience=2, read=Answer.data)


def _path(collection: str, kind: str, name: str | None, *rest: str) -> str:
    return "/".join(["/v2", collection, resource_ref(kind, name), *rest])


def _runs_path(actor_id: str | None, task_id: str | None) -> str:
    if task_id:
        return _path("actor-tasks", "task", task_id, "runs")
    return _path("actors", "Actor", actor_id, "runs") if actor_id else "/v2/actor-runs"


def _start(
    path: str,
    run_input: Any,
    content_type: str | None,
    headers: Mapping[str, str] | None,
    options: RunOptions,
) -> Call[ActorRun]:
    body, media_type = encode_input(run_input, content_type)
    return Call(
        method="POST",
        path=path,
        params=run_params(options),
        body=body,
        headers={"Content-Type": media_type, **(headers or {})},
        replayable=False,
        read=_read_run,
    )


def _iso(time: datetime | None) -> str | None:
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_run(answer: Answer) -> ActorRun:
    data = answer.data()
    if not (data["id"] and data["status"]):
        raise ValueError("a run without id or status")
    return ActorRun(data)
