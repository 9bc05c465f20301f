"""Operators and triggers that die at one exact line of their first try."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from typing import Any, NoReturn, TypeVar

from airflow.triggers.base import TriggerEvent

from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.http_client import Client
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.triggers.run import ApifyRunTrigger

T = TypeVar("T")


class DyingClient(Client):
    """A client whose process dies right after the answer to the start."""

    def send(self, call: Call[T]) -> T:
        answer = super().send(call)
        if call.method == "POST":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class DyingHook(ApifyHook):
    """A hook with such a client."""

    def get_conn(self) -> Client:
        return DyingClient(self.endpoint)


class WorkerDiesOperator(RunActorOperator):
    """Operator whose process dies between the answer to the start and the first line after it."""

    def execute(self, context: Any) -> Any:
        if context["ti"].try_number == 1:
            self.hook = DyingHook(self.apify_conn_id)  # type: ignore[misc]
        return super().execute(context)


class DyingTrigger(ApifyRunTrigger):
    """A trigger that dies with an error that nobody expects."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.DyingTrigger", super().serialize()[1]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise RuntimeError("died as told")
        yield


class TriggerDiesOperator(RunActorOperator):
    """Operator whose trigger dies."""

    def execute(self, context: Any) -> Any:
        self._is_first = context["ti"].try_number == 1
        return super().execute(context)

    def defer(self, *, trigger: Any, **kwargs: Any) -> NoReturn:
        if self._is_first:
            trigger = DyingTrigger(**trigger.serialize()[1])
        super().defer(trigger=trigger, **kwargs)


class FirstTryOnWorkerOperator(RunActorOperator):
    """Operator whose first try waits on the worker."""

    def execute(self, context: Any) -> Any:
        if context["ti"].try_number == 1:
            self.deferrable = False
        return super().execute(context)
