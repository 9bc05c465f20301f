"""Sensors that wait for runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    Context,
    PokeReturnValue,
)

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.runs import get_run
from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.api.flow import drive
from airflow_provider_apify.api.arguments import one_of
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.runs.wait import QUICK, Outcome, WaitEnd, WaitPlan, deadline, known, settle
from airflow_provider_apify.hooks.apify import ApifyHook, UsesApify
from airflow_provider_apify.runs.lineage import RunLineage
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.runs.report import DEFERRING, ActorLog, StatusLog, conclude


class ApifyRunSensor(UsesApify, RunLineage, BaseSensorOperator):
    """
    Wait for the end of a run; fail unless it succeeded. Never aborts the run.

    Returns the run info: a small dict under the API's own keys (`id`, `status`, `defaultDatasetId`, …), each
    also an XCom of its own.

    :param run_id: ID of the run, for instance `run.output["id"]`. (templated)
    :param deferrable: wait in the triggerer, without holding a worker. Where no triggerer runs, set it to
        False, with `mode="reschedule"` for long runs.
    :param actor_log: how much of the Actor's log goes into the task's own: "off", the "tail" once the run is
        over, or "full": every line while it runs, or at its end unless `deferrable`.
    :param apify_conn_id: the Airflow connection. (templated)
    :param multiple_outputs: make every key of the run info an XCom of its own.
    :raises ApifyRunError: if the run ended without success; never SKIPPED, `soft_fail` or not.
    :raises AirflowSensorTimeout: if `timeout` passed; the run goes on, and `soft_fail` skips the task.
    :raises ApifyRunGoesOnError: if Apify refused to answer, or could not be asked for 15 minutes; only
        `timeout` limits that with `deferrable=False`.
    :raises ApifyNotFoundError: if there is no such run, with `deferrable=False`.
    """

    template_fields: Sequence[str] = ("run_id", "apify_conn_id")
    operator_extra_links = (ApifyConsoleLink(),)
    ui_color = "#e6f7ec"

    def __init__(
        self,
        *,
        run_id: str,
        deferrable: bool = True,
        actor_log: ActorLog = "tail",
        apify_conn_id: str = ApifyHook.default_conn_name,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.run_id = run_id
        self.deferrable = deferrable
        self.actor_log = actor_log
        self.apify_conn_id = apify_conn_id

    def execute(self, context: Context) -> Any:
        """
        Wait, as `deferrable` and `mode` say.

        :param context: Airflow's task context.
        :return: the run info.
        """
        one_of("actor_log", self.actor_log, ActorLog)
        ApifyConsoleLink().push(context["ti"], ActorRun({"id": self.run_id}).console_url)
        if not self.deferrable:
            return super().execute(context)
        abort_at = deadline(self.execution_timeout)
        give_up_at = deadline(self.timeout)
        long_poll = self.hook.endpoint.long_poll
        log_from = 0 if self.actor_log == "full" else None
        outcome = self.hook.wait(WaitPlan(self.run_id, long_poll, abort_at, deadline(QUICK), log_from))
        if outcome.end is WaitEnd.GIVE_UP_DUE:
            self._defer(abort_at, give_up_at, outcome.log_position)
        return self._finish(outcome)

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for the modes "poke" and "reschedule".

        :param context: Airflow's task context.
        """
        asked_at = time.time()
        try:
            # Known within this look or not at all: a reschedule leaves no trace of when the first look was.
            run = drive(known(get_run(self.run_id)), self.hook.send)
        except ApifyHttpError as error:
            if not policy.will_pass(error):
                raise
            self.log.warning("Could not look at the run %s; it may be going on. (%s)", self.run_id, error)
            return PokeReturnValue(is_done=False)
        self._status_log(run)
        if not run.is_finished:
            return PokeReturnValue(is_done=False)
        run = drive(settle(run, asked_at), self.hook.send)
        return PokeReturnValue(is_done=True, xcom_value=self._conclude(run, self.actor_log))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on after the wait in the triggerer.

        :param context: Airflow's task context.
        :param event: how the wait ended.
        """
        return self._finish(Outcome.from_event(event))

    @cached_property
    def _status_log(self) -> StatusLog:
        return StatusLog(self.log)

    def _defer(self, abort_at: float | None, give_up_at: float | None, log_position: int | None) -> NoReturn:
        from airflow_provider_apify.triggers.run import ApifyRunTrigger

        self.log.info(DEFERRING, self.run_id)
        trigger = ApifyRunTrigger(
            self.run_id,
            self.apify_conn_id,
            abort_at=abort_at,
            give_up_at=give_up_at,
            log_position=log_position,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def _finish(self, outcome: Outcome) -> dict[str, Any]:
        if outcome.end is WaitEnd.GIVE_UP_DUE:
            raise AirflowSensorTimeout(f"{outcome.message} The run {self.run_id} goes on at Apify.")
        return self._conclude(outcome.finished_run(), "off" if self.actor_log == "full" else self.actor_log)

    def _conclude(self, run: ActorRun, actor_log: ActorLog) -> dict[str, Any]:
        self.report_run(self.hook, run)
        return conclude(run, self.hook.send, self.log, actor_log=actor_log).info
