"""The sensor that waits for the end of a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    Context,
    PokeReturnValue,
)

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun, run_page
from airflow_provider_apify.api.arguments import flags, one_of, resource_ref
from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.wait_or_defer import WaitingOperator
from airflow_provider_apify.runs.actor_log import ActorLog
from airflow_provider_apify.runs.final_cost_and_failure import await_final_figures
from airflow_provider_apify.runs.link_and_warnings import show_link
from airflow_provider_apify.runs.not_yet_visible import retry_while_unknown
from airflow_provider_apify.runs.outage_budget import WaitEnd
from airflow_provider_apify.runs.wait import Outcome, StatusLog, deadline, overdue_text
from airflow_provider_apify.runs.xcom_results import run_info


class ApifyRunSensor(WaitingOperator, BaseSensorOperator):
    """
    Wait for the end of a run; fail unless it succeeded. Never aborts the run.

    Returns the run info: a small dict under the API's own keys (`id`, `status`, `defaultDatasetId`, …), each
    also an XCom of its own.

    `poke_interval` and `mode` are for `deferrable=False` alone: a deferred wait hears of the end at once.
    `timeout`, a timedelta or seconds, is for both.

    :param run_id: ID of the run, for instance `run.output["id"]`. (templated)
    :param deferrable: wait in the triggerer, without holding a worker. Where no triggerer runs, set it to
        False, with `mode="reschedule"` for long runs.
    :param actor_log: how much of the Actor's log goes into the task's own at the end of the run: "off", the
        "tail" or "full".
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyRunError: if the run ended without success; never SKIPPED, `soft_fail` or not.
    :raises AirflowSensorTimeout: if `timeout` passed; the run goes on, and `soft_fail` skips the task.
    :raises ApifyRunGoesOnError: if Apify refused to answer, or could not be asked for 15 minutes; only
        `timeout` limits that with `deferrable=False`.
    :raises ApifyNotFoundError: if there is no such run.
    """

    template_fields: Sequence[str] = ("run_id", "apify_conn_id")

    def __init__(
        self,
        *,
        run_id: str,
        deferrable: bool = True,
        actor_log: ActorLog = "tail",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.run_id = run_id
        self.deferrable = deferrable
        self.actor_log = actor_log

    def execute(self, context: Context) -> Any:
        """Wait, as `deferrable` and `mode` say, and return the run info."""
        resource_ref("run_id", self.run_id)
        flags(deferrable=self.deferrable)
        one_of("actor_log", self.actor_log, ActorLog)
        show_link(run_page(self.run_id), context["ti"], self.log)
        with self.told_timeout():
            if not self.deferrable:
                return self._poke(context)
            return run_info(self.wait(self.run_id, deadline(self.execution_timeout), deadline(self.timeout)))

    def _poke(self, context: Context) -> Any:
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(overdue_text("timeout", self.run_id)) from error

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once, for the modes "poke" and "reschedule"."""
        asked_at = time.time()
        try:
            # Known within this look or not at all: a reschedule leaves no trace of when the first look was.
            run = self.hook.drive(retry_while_unknown(get_run(self.run_id)))
        except ApifyHttpError as error:
            if not retry.will_pass(error):
                raise
            self.log.warning("Could not look at the run %s; it may be going on. (%s)", self.run_id, error)
            return PokeReturnValue(is_done=False)
        self._status_log(run)
        if not run.is_finished:
            return PokeReturnValue(is_done=False)
        run = self.hook.drive(await_final_figures(run, asked_at))
        run = self.finish(Outcome(WaitEnd.FINISHED, run.id, run), actor_log=self.actor_log)
        return PokeReturnValue(is_done=True, xcom_value=run_info(run))

    def finish(self, outcome: Outcome, *, actor_log: ActorLog) -> ActorRun:
        """Report how the wait ended, and return the run if it succeeded."""
        if outcome.end is WaitEnd.GIVE_UP_DUE:
            raise AirflowSensorTimeout(overdue_text("timeout", outcome.run_id))
        return super().finish(outcome, actor_log=actor_log)

    def _run_in_hand(self) -> str:
        return self.run_id

    @cached_property
    def _status_log(self) -> StatusLog:
        return StatusLog(self.log)
