"""Wait for a run, defer, finish: once, for the operators and the sensor that wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, Context

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyRunAbortedError
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.runs.abort_and_resurrect import ended_by_itself
from airflow_provider_apify.runs.actor_log import ActorLog, LogReader
from airflow_provider_apify.runs.final_cost_and_failure import report_and_raise
from airflow_provider_apify.runs.lineage import RunLineage
from airflow_provider_apify.runs.outage_budget import WaitEnd
from airflow_provider_apify.runs.wait import (
    Outcome,
    StatusLog,
    WaitPlan,
    aborted_text,
    deadline,
    overdue_text,
    wait_for_end,
)
from airflow_provider_apify.runs.xcom_results import run_info

# A run that ends this soon, in seconds, is waited for on the worker: a deferral would take longer.
_QUICK = 5.0


class WaitingOperator(RunLineage, ApifyOperator):
    """Base of the tasks that wait for a run, on the worker or in the triggerer."""

    operator_extra_links = (ApifyConsoleLink(),)
    deferrable: bool
    actor_log: ActorLog
    cancel_on_kill: bool = False
    abort_gracefully: bool = False

    def wait(self, run_id: str, abort_at: float | None, give_up_at: float | None) -> ActorRun:
        """Wait on the worker, or after a moment in the triggerer, and return the run if it succeeded."""
        long_poll = self.hook.endpoint.long_poll
        live_log = None
        if self.deferrable:
            plan = WaitPlan(run_id, long_poll, abort_at, give_up_at=deadline(_QUICK))
        else:
            # On a worker, Airflow itself enforces `execution_timeout`.
            plan = WaitPlan(run_id, long_poll, give_up_at=give_up_at)
            live_log = LogReader(run_id, self.log) if self.actor_log == "full" else None
        outcome = self.hook.drive(wait_for_end(plan, StatusLog(self.log), live_log))
        if self.deferrable and outcome.end is WaitEnd.GIVE_UP_DUE:
            from airflow_provider_apify.triggers.run import ApifyRunTrigger

            self.log.info(
                "Waiting for the run %s in the triggerer. If the task stays deferred after the run has "
                "ended, start `airflow triggerer`, or set `deferrable=False`.",
                run_id,
            )
            trigger = ApifyRunTrigger(
                run_id, self.apify_conn_id, abort_at, give_up_at, self.cancel_on_kill, self.abort_gracefully
            )
            self.defer(trigger=trigger, method_name="execute_complete")
        return self.finish(outcome, actor_log="off" if live_log else self.actor_log)

    @contextmanager
    def told_timeout(self) -> Iterator[None]:
        """Let `execution_timeout`, which Airflow enforces on a worker, name the run and what to do."""
        try:
            yield
        except AirflowTaskTimeout as error:
            # Airflow calls `on_kill` next, and that aborts the run.
            if (run_id := self._run_in_hand()) is None:
                raise
            aborts = self.cancel_on_kill
            text = aborted_text(run_id) if aborts else overdue_text("execution_timeout", run_id)
            raise AirflowTaskTimeout(text) from error

    def _run_in_hand(self) -> str | None:
        """Return the ID of the run that the task is about; None while it is not known."""
        raise NotImplementedError

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Go on after the wait in the triggerer, whose outcome is the event, and return the run info."""
        return run_info(self.finish(Outcome.from_event(event), actor_log=self.actor_log))

    def finish(self, outcome: Outcome, *, actor_log: ActorLog) -> ActorRun:
        """Report how the wait ended, and return the run if it succeeded."""
        if outcome.end is WaitEnd.ABORT_DUE and self.cancel_on_kill:
            run = outcome.run or self.hook.abort_run(outcome.run_id, abort_gracefully=self.abort_gracefully)
            if not ended_by_itself(run):
                raise ApifyRunAbortedError(aborted_text(run.id, run.status), run=run.info)
            outcome = replace(outcome, run=run)
        run = outcome.finished_run()
        self.report_run(self.hook, run)
        return report_and_raise(run, self.hook.send, self.log, actor_log=actor_log)
