"""Operators for runs that exist already: find, abort and resurrect them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.run_options import RESURRECT_OPTIONS, options_of
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.runs.link_and_warnings import announce
from airflow_provider_apify.runs.resurrect_once import resurrect_once
from airflow_provider_apify.runs.xcom_results import run_info


class _ExistingRunOperator(ApifyOperator):
    """Base of the operators of this module."""

    operator_extra_links = (ApifyConsoleLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        """Find, abort or resurrect the run, and return its run info."""
        run = self._run(context)
        announce(run, context["ti"], self.log)
        return run_info(run)

    def _run(self, context: Context) -> ActorRun:
        raise NotImplementedError


class GetLastRunOperator(_ExistingRunOperator):
    """
    Get the last successful run of an Actor, or of a saved task, wherever it was started.

    Returns the run info, as :class:`~airflow_provider_apify.operators.run.RunActorOperator` does. To wait
    until there is a recent one, see :class:`~airflow_provider_apify.sensors.last_run.ApifyLastRunSensor`.

    :param actor_id: ID or `username/name` of the Actor, or (templated)
    :param actor_task_id: ID or `username/name` of the task at Apify. (templated)
    :param status: the last run in this status instead; None for any, also one that goes on. (templated)
    :param origin: only a run started by `API`, `SCHEDULER`, `WEB`, … (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyNotFoundError: if there is no such run.
    """

    template_fields: Sequence[str] = ("actor_id", "actor_task_id", "status", "origin", "apify_conn_id")

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        status: str | None = "SUCCEEDED",
        origin: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.status = status
        self.origin = origin

    def _run(self, context: Context) -> ActorRun:
        return self.hook.get_last_run(
            actor_id=self.actor_id, actor_task_id=self.actor_task_id, status=self.status, origin=self.origin
        )


class AbortRunOperator(_ExistingRunOperator):
    """
    Abort a run; one that is over already is left as it is.

    Returns the run info, as :class:`~airflow_provider_apify.operators.run.RunActorOperator` does.

    :param run_id: ID of the run. (templated)
    :param abort_gracefully: let the Actor save its state first, for up to 30 s.
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyHttpError: if the run could not be aborted, and goes on.
    """

    template_fields: Sequence[str] = ("run_id", "apify_conn_id")

    def __init__(
        self,
        *,
        run_id: str,
        abort_gracefully: bool = False,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.run_id = run_id
        self.abort_gracefully = abort_gracefully

    def _run(self, context: Context) -> ActorRun:
        return self.hook.abort_run(self.run_id, abort_gracefully=self.abort_gracefully)


class ResurrectRunOperator(_ExistingRunOperator):
    """
    Let a finished run go on, with the storages that it has; one that goes on already is left as it is.

    Returns the run info, as :class:`~airflow_provider_apify.operators.run.RunActorOperator` does, and does
    not wait: that is what :class:`~airflow_provider_apify.sensors.run.ApifyRunSensor` is for.

    A retry leaves what an earlier try resurrected, even if it has ended since; a Clear resurrects again.
    Before Airflow 3.3, where a try cannot leave a note, a retry leaves every run that was ever resurrected.

    :param run_id: ID of the run. (templated)
    :param build: tag or number of the build to go on with; every option is the run's own unless it is
        given. (templated)
    :param memory_mbytes: memory in megabytes, a power of two from 128 on. (templated)
    :param run_timeout: after how long, from now on, Apify ends the run as TIMED-OUT; a timedelta or seconds,
        0 for never. (templated)
    :param max_items: how many items may be charged in all; may only rise. (templated)
    :param max_total_charge_usd: how much the run may cost in all, in US dollars; may only rise. (templated)
    :param restart_on_error: let Apify restart the run when it fails. (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyConfigurationError: if an option cannot be used; nothing was sent.
    :raises ApifyApiError: if Apify refuses.
    """

    template_fields: Sequence[str] = ("run_id", *RESURRECT_OPTIONS, "apify_conn_id")

    def __init__(
        self,
        *,
        run_id: str,
        build: str | None = None,
        memory_mbytes: int | str | None = None,
        run_timeout: timedelta | float | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        restart_on_error: bool | str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.run_id = run_id
        self.build = build
        self.memory_mbytes = memory_mbytes
        self.run_timeout = run_timeout
        self.max_items = max_items
        self.max_total_charge_usd = max_total_charge_usd
        self.restart_on_error = restart_on_error

    def _run(self, context: Context) -> ActorRun:
        options = options_of(self, RESURRECT_OPTIONS)
        return resurrect_once(
            self.run_id, options, context, retries=self.retries or 0, send=self.hook.send, log=self.log
        )
