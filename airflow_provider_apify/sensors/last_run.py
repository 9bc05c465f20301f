"""The sensor that waits for a recent successful run, wherever it was started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from airflow.providers.common.compat.sdk import BaseSensorOperator, Context, PokeReturnValue

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import seconds
from airflow_provider_apify.api.errors import ApifyHttpError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.operators.base import ApifyOperator
from airflow_provider_apify.runs.last_success import last_success
from airflow_provider_apify.runs.link_and_warnings import announce
from airflow_provider_apify.runs.xcom_results import run_info


class ApifyLastRunSensor(ApifyOperator, BaseSensorOperator):
    """
    Wait until an Actor, or a saved task, has succeeded lately, wherever the run was started.

    Returns the run info of the run that ended last, as :class:`~.sensors.run.ApifyRunSensor` does. Runs
    that did not succeed count as if they had not been.

    :param actor_id: ID or `username/name` of the Actor, or (templated)
    :param actor_task_id: ID or `username/name` of the task at Apify. (templated)
    :param max_age: how long ago the run may have ended, seen from the moment of looking; a timedelta or
        seconds.
    :param mode: Airflow's way to wait from one look to the next, `poke_interval` seconds later; by default
        without holding a worker.
    :param apify_conn_id: the Airflow connection. (templated)
    :raises AirflowSensorTimeout: if `timeout` passed; `soft_fail` skips the task then.
    :raises ApifyNotFoundError: if there is no such Actor or task.
    :raises ApifyHttpError: if Apify refused to answer; only `timeout` limits how long it may be away.
    """

    template_fields: Sequence[str] = ("actor_id", "actor_task_id", "apify_conn_id")
    operator_extra_links = (ApifyConsoleLink(),)

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        max_age: timedelta | float,
        mode: str = "reschedule",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, mode=mode, **kwargs)
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.max_age = max_age

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        target = Target.either(actor_id=self.actor_id, actor_task_id=self.actor_task_id)
        max_age = cast("float", seconds("max_age", self.max_age, required=True))
        try:
            run = last_success(self.hook.send, target, max_age)
        except ApifyHttpError as error:
            if not retry.will_pass(error):
                raise
            self.log.warning("Could not look for the last run. (%s)", error)
            run = None
        if run is None:
            return PokeReturnValue(is_done=False)
        announce(run, context["ti"], self.log)
        return PokeReturnValue(is_done=True, xcom_value=run_info(run))
