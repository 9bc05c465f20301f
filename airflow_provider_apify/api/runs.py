"""Calls about runs: start, get, list, abort, resurrect, log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import flags, moment, number, resource_ref, seconds, text, texts
from airflow_provider_apify.api.call import DEFAULT_ATTEMPTS, MAX_LIST_LIMIT, MAX_LOG_BYTES, Answer, Call
from airflow_provider_apify.api.request_body import JSON_TYPE, encode_input
from airflow_provider_apify.api.run_options import RunOptions, run_params

#: Longest that `waitForFinish` holds an answer, in seconds (API reference, "Get run").
MAX_WAIT_SECONDS = 60


@dataclass(frozen=True)
class RunRequest:
    """A run to start, with its input and its options checked and encoded."""

    target: Target
    params: Mapping[str, Any]
    body: bytes | None

    @classmethod
    def of(cls, target: Target, run_input: Any = None, options: RunOptions | None = None) -> RunRequest:
        """Check and encode what a user asks for; nothing is sent."""
        return cls(target, run_params({} if options is None else options), encode_input(run_input))

    def start(self, user_agent: str | None = None) -> Call[ActorRun]:
        """Start the run and return at once; `user_agent` tells whose run it is."""
        return Call(
            method="POST",
            path=f"{self.target.path}/runs",
            params=self.params,
            body=self.body,
            headers={"Content-Type": JSON_TYPE, **({"User-Agent": user_agent} if user_agent else {})},
            # Apify has no idempotency key for it: a second POST is a second paid run.
            replayable=False,
            read=_read_run,
        )


def start_actor_run(
    actor_id: str, run_input: Any = None, *, options: RunOptions | None = None
) -> Call[ActorRun]:
    """
    Start a run of an Actor and return at once. Costs money; is never repeated blindly.

    :param actor_id: ID, `username/name` or `username~name`.
    :param run_input: any JSON value, or text that holds one.
    :param options: build, memory, limits, …; by default the Actor's own.
    :raises ApifyConfigurationError: if the input or an option cannot be used; nothing was sent.
    """
    return RunRequest.of(Target.actor(actor_id), run_input, options).start()


def start_task_run(
    actor_task_id: str, run_input: Any = None, *, options: RunOptions | None = None
) -> Call[ActorRun]:
    """
    Start a run of a saved task and return at once. Costs money; is never repeated blindly.

    :param actor_task_id: ID, `username/name` or `username~name`.
    :param run_input: laid over the task's own input, field by field.
    :param options: build, memory, limits, …; by default the task's own.
    :raises ApifyConfigurationError: if the input or an option cannot be used; nothing was sent.
    """
    return RunRequest.of(Target.task(actor_task_id), run_input, options).start()


def get_run(
    run_id: str, *, wait_for_finish: float = 0, max_attempts: int = DEFAULT_ATTEMPTS
) -> Call[ActorRun]:
    """
    Get a run, optionally holding the answer until it ends.

    :param run_id: ID of the run.
    :param wait_for_finish: seconds that Apify may hold the answer, up to 60.
    :param max_attempts: how often the call is tried at the most.
    """
    wait = min(int(seconds("wait_for_finish", wait_for_finish) or 0), MAX_WAIT_SECONDS)
    return Call(
        method="GET",
        path=_run_path(run_id),
        params={"waitForFinish": wait or None},
        wait=wait,
        max_attempts=number("max_attempts", max_attempts, int, least=1, required=True),
        read=_read_run,
    )


def request_abort(run_id: str, *, abort_gracefully: bool = False) -> Call[ActorRun]:
    """Ask Apify to stop a run; it does nothing, or refuses, if the run is over already."""
    flags(abort_gracefully=abort_gracefully)
    params = {"gracefully": abort_gracefully or None}
    return Call(method="POST", path=f"{_run_path(run_id)}/abort", params=params, read=_read_run)


def request_resurrection(run_id: str, options: RunOptions | None = None) -> Call[ActorRun]:
    """Ask Apify to let a finished run go on; it refuses if the run goes on already."""
    path, params = f"{_run_path(run_id)}/resurrect", run_params({} if options is None else options)
    return Call(method="POST", path=path, params=params, replayable=False, read=_read_run)


def list_runs(
    *,
    actor_id: str | None = None,
    actor_task_id: str | None = None,
    status: str | Sequence[str] | None = None,
    started_after: datetime | None = None,
    started_before: datetime | None = None,
    offset: int = 0,
    limit: int = MAX_LIST_LIMIT,
    desc: bool = True,
) -> Call[list[ActorRun]]:
    """
    List runs of an Actor, of a saved task, or of the whole account. The runs of a list lack most fields.

    :param actor_id: only runs of this Actor.
    :param actor_task_id: only runs of this task; Apify does not document the time filters here.
    :param status: only runs in this status, or one of these.
    :param started_after: only runs started at or after this time.
    :param started_before: only runs started at or before this time.
    :param offset: how many runs to pass over.
    :param limit: how many runs at the most, up to 1,000.
    :param desc: newest first.
    """
    flags(desc=desc)
    whole_account = actor_id is None and actor_task_id is None
    target = None if whole_account else Target.either(actor_id=actor_id, actor_task_id=actor_task_id)
    return Call(
        method="GET",
        path=f"{target.path}/runs" if target else "/v2/actor-runs",
        params={
            "status": texts("status", status) or None,
            "startedAfter": _iso(moment("started_after", started_after)),
            "startedBefore": _iso(moment("started_before", started_before)),
            "offset": number("offset", offset, int) or None,
            "limit": number("limit", limit, int, least=1),
            "desc": desc or None,
        },
        read=lambda answer: [ActorRun(entry) for entry in answer.data()["items"]],
    )


def get_last_run(
    *,
    actor_id: str | None = None,
    actor_task_id: str | None = None,
    status: str | None = None,
    origin: str | None = None,
) -> Call[ActorRun]:
    """
    Get the run of an Actor or of a saved task that was started last, running ones included.

    :param actor_id: ID or `username/name` of the Actor, or
    :param actor_task_id: ID or `username/name` of the task.
    :param status: only runs in this status.
    :param origin: only runs started by `API`, `SCHEDULER`, `WEB`, …
    """
    target = Target.either(actor_id=actor_id, actor_task_id=actor_task_id)
    params = {"status": text("status", status) or None, "origin": text("origin", origin) or None}
    return Call(method="GET", path=f"{target.path}/runs/last", params=params, read=_read_run)


def get_log(run_id: str, *, max_attempts: int = DEFAULT_ATTEMPTS) -> Call[str]:
    """
    Get the whole log of a run, at most some 10 MB.

    :param run_id: ID of the run.
    :param max_attempts: how often the call is tried at the most.
    """
    return Call(
        method="GET",
        path=f"{_run_path(run_id)}/log",
        max_attempts=number("max_attempts", max_attempts, int, least=1, required=True),
        read=lambda answer: answer.body.decode(errors="replace"),
        max_bytes=MAX_LOG_BYTES,
    )


def _run_path(run_id: str) -> str:
    return f"/v2/actor-runs/{resource_ref('run_id', run_id)}"


def _iso(time: datetime | None) -> str | None:
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_run(answer: Answer) -> ActorRun:
    return ActorRun(answer.data())


def read_entries(answer: Answer) -> list[ActorRun | None]:
    """Read a list of runs, for which an entry that is no run must not hide the others: it is None."""
    return [_run_or_none(entry) for entry in answer.data()["items"]]


def _run_or_none(entry: Any) -> ActorRun | None:
    try:
        return ActorRun(entry)
    except ValueError:
        return None
