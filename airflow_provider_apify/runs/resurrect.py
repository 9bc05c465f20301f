"""Resurrecting a run; that it goes on already is not an error."""

from __future__ import annotations

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyHttpError, ApifyInputError
from airflow_provider_apify.api.flow import Flow
from airflow_provider_apify.api.run_options import RunOptions
from airflow_provider_apify.api.runs import get_run, request_resurrection


def resurrect_run(run_id: str, *, options: RunOptions | None = None) -> Flow[ActorRun]:
    """
    Let a finished run go on with its own storages, in a new container; a run that goes on is left as it is.

    :param run_id: ID of the run.
    :param options: options that are to differ from the run's own; limits may only rise.
    :raises ApifyHttpError: if Apify refuses.
    """
    try:
        run: ActorRun = yield request_resurrection(run_id, options)
    except ApifyHttpError as error:
        # After a lost answer, here or in an earlier try, Apify refuses to resurrect what it did resurrect.
        if not (retry.may_have_had_effect(error) or isinstance(error, ApifyInputError)):
            raise
        run = yield get_run(run_id)
        if run.is_finished:
            raise
    return run
