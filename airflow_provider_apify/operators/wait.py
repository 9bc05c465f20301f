"""Wait for a run, defer, finish: once, for the operators and the sensor that wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import Context

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyRunAbortedError
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.runs.actor_log import ActorLog, LogReader
from airflow_provider_apify.runs.final_report import report_and_raise
from airflow_provider_apify.runs.lineage import RunLineage
from airflow_provider_apify.runs.outcome import Outcome, WaitEnd
from airflow_provider_apify.runs.wait import StatusLog, WaitPlan, deadline, wait_for_end

# A run that ends this soon, in seconds, is waited for on the worker: a deferral would take longer.
_QUICK = 5.0


class WaitingOperator(RunLineage, ApifyOperator):
    """Base of the tasks that wait for a run, on the worker or in the triggerer."""

    deferrable: bool
    actor_log: ActorLog
    cancel_on_kill = False
    abort_gracefully = False

    def wait_on_worker(self, run_id: str, give_up_at: float | None) -> ActorRun:
        """Wait, and return the run if it succeeded; Airflow itself enforces `execution_timeout` here."""
        plan = WaitPlan(run_id, self.hook.endpoint.long_poll, give_up_at=give_up_at)
        live_log = LogReader(run_id, self.log) if self.actor_log == "full" else None
        outcome = self.hook.drive(wait_for_end(plan, StatusLog(self.log), live_log))
        return self.finish(outcome, actor_log="off" if live_log else self.actor_log)

    def wait_or_defer(self, run_id: str, abort_at: float | None, give_up_at: float | None) -> ActorRun:
        """Wait for a moment and return the run if it succeeded by then; otherwise defer."""
        plan = WaitPlan(run_id, self.hook.endpoint.long_poll, abort_at, give_up_at)
        quick = replace(plan, give_up_at=deadline(_QUICK))
        outcome = self.hook.drive(wait_for_end(quick, StatusLog(self.log)))
        if outcome.end is WaitEnd.GIVE_UP_DUE:
            self._defer(plan)
        return self.finish(outcome, actor_log=self.actor_log)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """
        Go on after the wait in the triggerer.

        :param event: the outcome of the wait.
        :return: the run info.
        """
        return self.finish(Outcome.from_event(event), actor_log=self.actor_log).info

    def finish(self, outcome: Outcome, *, actor_log: ActorLog) -> ActorRun:
        """Report how the wait ended, and return the run if it succeeded."""
        if outcome.end is WaitEnd.ABORT_DUE and self.cancel_on_kill:
            run = outcome.run or self.hook.abort_run(outcome.run_id, gracefully=self.abort_gracefully)
            message = f"{outcome.message} The run {run.id} was aborted ({run.status}): {run.console_url}"
            raise ApifyRunAbortedError(message, run=run.info)
        run = outcome.finished_run()
        self.report_run(self.hook, run)
        return report_and_raise(run, self.hook.send, self.log, actor_log=actor_log)

    def _defer(self, plan: WaitPlan) -> NoReturn:
        from airflow_provider_apify.triggers.run import ApifyRunTrigger

        self.log.info(
            "Waiting for the run %s in the triggerer. If the task stays deferred after the run has ended, "
            "start `airflow triggerer`, or set `deferrable=False`.",
            plan.run_id,
        )
        trigger = ApifyRunTrigger(
            plan.run_id,
            self.apify_conn_id,
            abort_at=plan.abort_at,
            give_up_at=plan.give_up_at,
            cancel_on_kill=self.cancel_on_kill,
            abort_gracefully=self.abort_gracefully,
        )
        self.defer(trigger=trigger, method_name="execute_complete")
