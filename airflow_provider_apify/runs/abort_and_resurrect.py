"""Aborting a run, or letting it go on; that it is over, or goes on, already is not an error."""

from __future__ import annotations

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun, RunStatus
from airflow_provider_apify.api.errors import (
    ApifyApiError,
    ApifyHttpError,
    ApifyInputError,
    ApifyNotFoundError,
)
from airflow_provider_apify.api.flow import Flow, send_one
from airflow_provider_apify.api.run_options import RunOptions
from airflow_provider_apify.api.runs import get_run, request_abort, request_resurrection
from airflow_provider_apify.runs.not_yet_visible import retry_while_unknown


def abort_run(run_id: str, *, abort_gracefully: bool = False, unknown_for: float = 0.0) -> Flow[ActorRun]:
    """
    Abort a run; a run that is over already is left as it is.

    :param run_id: ID of the run.
    :param abort_gracefully: let the Actor save its state first, for up to 30 s.
    :param unknown_for: for how many seconds Apify may not know a run that was started a moment ago.
    :raises ApifyHttpError: if the run could not be aborted and goes on.
    """
    request = request_abort(run_id, abort_gracefully=abort_gracefully)
    try:
        return (yield from retry_while_unknown(request, unknown_for=unknown_for))
    except ApifyNotFoundError:
        raise
    except ApifyApiError:
        # Whether Apify refuses to abort a finished run, or ignores it, is not documented consistently.
        run = yield from send_one(get_run(run_id))
        if not run.is_finished:
            raise
        return run


def ended_by_itself(run: ActorRun) -> bool:
    """Return whether a run was over before its abort came to it."""
    return run.is_finished and run.status != RunStatus.ABORTED


def describe_abort(run: ActorRun) -> str:
    """Say what an abort did to a run, given the run as it is since then."""
    if ended_by_itself(run):
        return f"The run {run.id} ended as {run.status} before it could be aborted: {run.console_url}"
    return f"Aborted the run {run.id} ({run.status}): {run.console_url}"


def resurrect_run(run_id: str, *, options: RunOptions | None = None) -> Flow[ActorRun]:
    """
    Let a finished run go on with its own storages, in a new container; a run that goes on is left as it is.

    :param run_id: ID of the run.
    :param options: options that are to differ from the run's own; limits may only rise.
    :raises ApifyHttpError: if Apify refuses.
    """
    try:
        return (yield from send_one(request_resurrection(run_id, options)))
    except ApifyHttpError as error:
        # After a lost answer, here or in an earlier try, Apify refuses to resurrect what it did resurrect.
        if not (retry.may_have_had_effect(error) or isinstance(error, ApifyInputError)):
            raise
        run = yield from send_one(get_run(run_id))
        if run.is_finished:
            raise
        return run
