"""The sensor that waits for a recent successful run, wherever it was started."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    Context,
    PokeReturnValue,
)

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.errors import ApifyError, ApifyHttpError
from airflow_provider_apify.api.targets import Target
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.runs.announce import announce
from airflow_provider_apify.runs.last_success import LastSuccess
from airflow_provider_apify.runs.outcome import Outcome, WaitEnd


class ApifyLastRunSensor(ApifyOperator, BaseSensorOperator):
    """
    Wait until an Actor, or a saved task, has succeeded lately, wherever the run was started.

    Returns the run info of the run that ended last, as :class:`~.sensors.run.ApifyRunSensor` does. Runs
    that did not succeed count as if they had not been.

    :param actor_id: ID or `username/name` of the Actor, or (templated)
    :param actor_task_id: ID or `username/name` of the task at Apify. (templated)
    :param max_age: how long ago the run may have ended, seen from the moment of looking.
    :param deferrable: wait in the triggerer, without holding a worker, looking every `poke_interval`
        seconds. Where no triggerer runs, set it to False, with `mode="reschedule"`.
    :param apify_conn_id: the Airflow connection. (templated)
    :raises AirflowSensorTimeout: if `timeout` passed; `soft_fail` skips the task then.
    :raises ApifyNotFoundError: if there is no such Actor or task.
    :raises ApifyError: if Apify refused to answer, or could not be asked for 15 minutes; only `timeout`
        limits that with `deferrable=False`.
    """

    template_fields: Sequence[str] = ("actor_id", "actor_task_id", *ApifyOperator.template_fields)
    operator_extra_links = (ApifyConsoleLink(),)
    ui_color = "#e6f7ec"

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        max_age: timedelta,
        deferrable: bool = True,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, **kwargs)
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.max_age = max_age
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Wait, as `deferrable` and `mode` say, and return the run info."""
        if not self.deferrable:
            return super().execute(context)
        give_up_at = time.time() + self.timeout
        found = self.poke(context)
        if not found.is_done:
            self._defer(give_up_at)
        return found.xcom_value

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once, for the modes "poke" and "reschedule"."""
        sought = LastSuccess(Target(self.actor_id, self.actor_task_id), self.max_age.total_seconds())
        try:
            run = self.hook.drive(sought.find())
        except ApifyHttpError as error:
            if not retry.will_pass(error):
                raise
            self.log.warning("Could not look for the last run. (%s)", error)
            return PokeReturnValue(is_done=False)
        if run is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._found(context, run))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on after the wait in the triggerer.

        :param event: the outcome of the wait.
        :return: the run info.
        """
        outcome = Outcome.from_event(event)
        if outcome.run is not None:
            return self._found(context, outcome.run)
        if outcome.end is WaitEnd.GIVE_UP_DUE:
            raise AirflowSensorTimeout(outcome.message)
        raise ApifyError(outcome.message)

    def _defer(self, give_up_at: float) -> NoReturn:
        from airflow_provider_apify.triggers.last_run import ApifyLastRunTrigger

        trigger = ApifyLastRunTrigger(
            self.actor_id,
            self.actor_task_id,
            self.max_age.total_seconds(),
            self.poke_interval,
            give_up_at,
            self.apify_conn_id,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def _found(self, context: Context, run: ActorRun) -> dict[str, Any]:
        announce(run, context["ti"], self.log)
        return run.info
