"""Waiting in the triggerer for a successful run that is recent enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_apify.api.errors import ApifyError
from airflow_provider_apify.api.flow import drive_async
from airflow_provider_apify.api.targets import Target
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.runs.last_success import LastSuccess
from airflow_provider_apify.runs.outcome import Outcome, WaitEnd


class ApifyLastRunTrigger(BaseTrigger):
    """
    Waits for a recent successful run; its one event says how the wait ended.

    :param actor_id: the Actor, or
    :param actor_task_id: the task whose run it is.
    :param max_age: seconds since the run's end at the most.
    :param poke_interval: seconds between two looks.
    :param give_up_at: when to stop waiting, in seconds since the epoch.
    :param apify_conn_id: the Airflow connection.
    :param ignored: arguments of other versions of this trigger, for rolling upgrades.
    """

    def __init__(
        self,
        actor_id: str | None,
        actor_task_id: str | None,
        max_age: float,
        poke_interval: float,
        give_up_at: float,
        apify_conn_id: str,
        **ignored: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.max_age = max_age
        self.poke_interval = poke_interval
        self.give_up_at = give_up_at
        self.apify_conn_id = apify_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments that make this trigger again."""
        return (
            "airflow_provider_apify.triggers.last_run.ApifyLastRunTrigger",
            {
                "actor_id": self.actor_id,
                "actor_task_id": self.actor_task_id,
                "max_age": self.max_age,
                "poke_interval": self.poke_interval,
                "give_up_at": self.give_up_at,
                "apify_conn_id": self.apify_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once."""
        try:
            sought = LastSuccess(Target(self.actor_id, self.actor_task_id), self.max_age)
            flow = sought.wait(interval=self.poke_interval, give_up_at=self.give_up_at)
            async with ApifyHook(self.apify_conn_id).async_client() as client:
                outcome = await drive_async(flow, client.send)
        except ApifyError as error:
            outcome = Outcome(WaitEnd.REFUSED, None, message=str(error))
        yield TriggerEvent(outcome.to_event())  # type: ignore[no-untyped-call]
