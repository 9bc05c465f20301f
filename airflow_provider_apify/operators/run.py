"""Operators that start runs of Actors and saved tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from math import inf
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context, conf

from airflow_provider_apify.api.actor_run import run_page
from airflow_provider_apify.api.actors import Target
from airflow_provider_apify.api.arguments import flags, one_of, seconds
from airflow_provider_apify.api.errors import ApifyCapacityError, ApifyConfigurationError
from airflow_provider_apify.api.run_options import RunOptions, options_of
from airflow_provider_apify.api.runs import RunRequest
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.wait_or_defer import WaitingOperator
from airflow_provider_apify.runs.actor_log import ActorLog
from airflow_provider_apify.runs.best_effort import best_effort
from airflow_provider_apify.runs.capacity_wait import capacity_delay
from airflow_provider_apify.runs.find_or_start import OnRetry, RunStarter
from airflow_provider_apify.runs.input_rendering_and_masking import RendersRunInput
from airflow_provider_apify.runs.link_and_warnings import announce, push_ids, warn_of_unlimited_cost
from airflow_provider_apify.runs.wait import Outcome, deadline
from airflow_provider_apify.runs.xcom_results import Returns, result_of, run_info

_DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)

_FLAGS = ("wait_for_completion", "deferrable", "cancel_on_kill", "abort_gracefully", "durable")


class _RunOperator(RendersRunInput, WaitingOperator):
    """Base of the operators that start a run; these document the arguments."""

    template_fields: Sequence[str] = ("run_input", *RunOptions.__annotations__, "apify_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"run_input": "json", "webhooks": "json"}

    run_input: Any
    build: str | None
    memory_mbytes: int | str | None
    run_timeout: timedelta | float | str | None
    max_items: int | str | None
    max_total_charge_usd: float | str | None
    restart_on_error: bool | str | None
    webhooks: Sequence[Mapping[str, Any]] | None
    wait_for_completion: bool
    returns: Returns
    wait_timeout: timedelta | float | None
    wait_for_capacity: timedelta | float | None
    durable: bool
    on_retry: OnRetry

    # What a kill has to stop; a task that resumes from a deferral has left it to the trigger.
    _starter: RunStarter | None = None
    _ti: Any = None

    def __init__(self, *, returns: Returns, multiple_outputs: bool = True, **kwargs: Any) -> None:
        # Only the run info has keys that are known.
        super().__init__(multiple_outputs=multiple_outputs and returns == "run", **kwargs)
        self._tells_ids_early = multiple_outputs

    def execute(self, context: Context) -> Any:
        """Start the run, or find the one of an earlier try; wait if asked to; return what `returns` says."""
        with self.told_timeout():
            return self._execute(
                context,
                attempt=1,
                capacity_until=deadline(seconds("wait_for_capacity", self.wait_for_capacity) or 0),
                abort_at=deadline(self.execution_timeout),
            )

    def execute_retry_start(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on after a wait for capacity in the triggerer, with what the task left for itself."""
        with self.told_timeout():
            return self._execute(context, **event)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Go on after the wait for the run in the triggerer, and return what `returns` says."""
        self.mask_run_input()
        run = self.finish(Outcome.from_event(event), actor_log=self.actor_log)
        return result_of(run, self.returns, self.hook.send)

    def _run_in_hand(self) -> str | None:
        return self._starter.run_id if self._starter else None

    def on_kill(self) -> None:
        """Abort the run if a user stops the task while it starts the run or waits for it, or it times out."""
        if not self.cancel_on_kill or self._starter is None:
            return
        from airflow_provider_apify.runs.stop_or_shutdown import StopReason, reason_on_worker

        run = run_page(self._starter.run_id)
        match reason_on_worker(self._ti):
            case StopReason.STOPPED:
                try:
                    self._starter.kill()
                except Exception as error:
                    # The interrupted code must not take it for an error of its own.
                    self.log.error("The run could not be aborted and may be going on: %s (%r)", run, error)
            case StopReason.GOES_ON:
                self.log.info("Nobody stopped this task; its run goes on, and a retry goes on with it.")
            case StopReason.UNKNOWN:
                self.log.warning(
                    "Airflow does not tell whether somebody stopped this task. Its run is left as it is, and "
                    "may be going on: %s. A retry goes on with it; if none follows, abort it.",
                    run,
                )

    def _execute(
        self, context: Context, *, attempt: int, capacity_until: float | None, abort_at: float | None
    ) -> Any:
        # What could only fail after the money is spent is refused before.
        flags(**{name: getattr(self, name) for name in _FLAGS})
        one_of("returns", self.returns, Returns)
        one_of("actor_log", self.actor_log, ActorLog)
        one_of("on_retry", self.on_retry, OnRetry)
        wait_timeout = seconds("wait_timeout", self.wait_timeout)
        if not self.wait_for_completion:
            self._refuse_what_needs_a_wait()
        self._ti = context["ti"]
        self._starter = RunStarter(
            self._target(),
            partial(self._request, context),
            self.hook.get_conn(),
            context,
            self.log,
            durable=self.durable,
            on_retry=self.on_retry,
            abort_cleared=self.wait_for_completion and self.cancel_on_kill,
            abort_gracefully=self.abort_gracefully,
        )
        while True:
            if attempt > 1 and abort_at is not None and time.time() >= abort_at:
                raise ApifyCapacityError("`execution_timeout` passed before there was capacity for the run.")
            try:
                run = self._starter.find_or_start()
                break
            except ApifyCapacityError as error:
                left = (capacity_until or 0) - time.time()
                if left <= 0:
                    raise
                pause = min(left, capacity_delay(attempt), max(0.0, (abort_at or inf) - time.time()))
                self.log.info("No capacity to start the run; trying again in %.0f s. (%s)", pause, error)
            attempt += 1
            if self.deferrable:
                from airflow_provider_apify.triggers.run import ApifyCapacityTrigger

                event = {"attempt": attempt, "capacity_until": capacity_until, "abort_at": abort_at}
                trigger = ApifyCapacityTrigger(time.time() + pause, event)
                self.defer(trigger=trigger, method_name="execute_retry_start")
            time.sleep(pause)
        # Also where an earlier try has started the run: what the Actor logs may hold the input's secrets.
        with best_effort(self.log, "the run's input to what masks secrets in this log"):
            _ = self._starter.request
        announce(run, self._ti, self.log)
        warn_of_unlimited_cost(run, self.log, self.max_total_charge_usd)
        if self._tells_ids_early and self.do_xcom_push:
            push_ids(run, self._ti, self.log)
        if not self.wait_for_completion:
            return run_info(run)
        run = self.wait(run.id, abort_at, deadline(wait_timeout))
        return result_of(run, self.returns, self.hook.send)

    def _refuse_what_needs_a_wait(self) -> None:
        given = {
            "returns": self.returns != "run",
            # Where Airflow's own default says so, nobody need have asked for it.
            "deferrable": self.deferrable and not _DEFAULT_DEFERRABLE,
            "wait_timeout": self.wait_timeout not in (None, ""),
            "actor_log": self.actor_log == "full",
        }
        if names := ", ".join(f"`{name}={getattr(self, name)!r}`" for name in given if given[name]):
            raise ApifyConfigurationError(
                f"{names}: this needs `wait_for_completion=True`, as the task ends when its run is started "
                "otherwise. Nothing was started."
            )

    def _request(self, context: Context) -> RunRequest:
        self.make_run_input(context)
        # Masked first: an error about the input may quote it.
        self.mask_run_input()
        return RunRequest.of(self._target(), self.run_input, options_of(self))

    def _target(self) -> Target:
        raise NotImplementedError


class RunActorOperator(_RunOperator):
    """
    Start a run of an Actor; optionally wait for its end.

    Returns the run info: a small dict under the API's own keys (`id`, `status`, `defaultDatasetId`,
    `defaultKeyValueStoreId`, `consoleUrl`, …). Each is also an XCom of its own, so that
    `run.output["defaultDatasetId"]` works.

    A run is started once: a retry goes on with the run that an earlier try started, unless that ended without
    success; a Clear starts a new one. Every limit is the Actor's own unless it is given.

    :param actor_id: ID or `username/name` of the Actor. (templated)
    :param run_input: input: a dict, a string that holds JSON, or the path of a `.json` file, which has to
        be there until the run is started. Apify refuses an input that the Actor's input schema does not
        allow, before anything is charged. Take secrets from a connection or variable,
        `{{ conn.site.password }}`: Airflow masks those everywhere, and values under keys like `password`.
        (templated)
    :param build: tag or number of the build to run. (templated)
    :param memory_mbytes: memory in megabytes, a power of two from 128 on. (templated)
    :param run_timeout: after how long Apify ends the run as TIMED-OUT; a timedelta or seconds, 0 for never.
        (templated)
    :param max_items: how many items may be charged, for Actors that are paid per result. (templated)
    :param max_total_charge_usd: how much the run may cost, in US dollars. (templated)
    :param restart_on_error: let Apify restart the run when it fails. (templated)
    :param webhooks: ad-hoc webhooks, as dicts with `eventTypes`, `requestUrl`, … Apify's own `{{…}}` in a
        `payloadTemplate` stands between `{% raw %}` and `{% endraw %}`. (templated)
    :param wait_for_completion: wait for the end of the run, and fail unless it succeeded.
    :param returns: what the task returns: the "run" info, or, where it waits, the dataset's "items" or the
        record OUTPUT as "output". At most 48,000 bytes; a transfer operator lands larger ones.
    :param deferrable: wait in the triggerer, for the run and for capacity, without holding a worker; needs
        `wait_for_completion`. Default: Airflow's `[operators] default_deferrable`.
    :param actor_log: how much of the Actor's log goes into the task's own when the task waits: "off", the
        "tail" once the run is over, or "full": every line, while the run goes on if the task waits on a
        worker, at its end if the task is deferred.
    :param wait_timeout: how long to wait before the task fails and the run goes on, a timedelta or seconds.
        Default: no limit.
        To abort the run as well, set Airflow's `execution_timeout`.
    :param wait_for_capacity: how long to try again while the account's memory or number of runs is used up, a
        timedelta or seconds; None fails at once. Default: an hour.
    :param cancel_on_kill: abort the run when a user kills, clears or marks the task, or it times out.
    :param abort_gracefully: when aborting, let the Actor save its state first, for up to 30 s.
    :param durable: find the run of an earlier try instead of starting a second one.
    :param on_retry: what to do when the run of an earlier try did not succeed: start a "new" one, or
        "resurrect" that one, with the storages it has.
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyConfigurationError: if an argument or the connection cannot be used; nothing was sent.
    :raises ApifyApiError: if Apify refuses; nothing was started.
    :raises ApifyStartUncertainError: if it cannot be told whether a run was started.
    :raises ApifyRunError: if the run ended without success.
    :raises ApifyRunGoesOnError: if the wait ended before the run.
    :raises ApifyDataError: if the results are not what `returns` asks for, or too large.
    """

    template_fields: Sequence[str] = ("actor_id", *_RunOperator.template_fields)
    actor_id: str

    def __init__(
        self,
        *,
        actor_id: str,
        run_input: Any = None,
        build: str | None = None,
        memory_mbytes: int | str | None = None,
        run_timeout: timedelta | float | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        restart_on_error: bool | str | None = None,
        webhooks: Sequence[Mapping[str, Any]] | None = None,
        wait_for_completion: bool = False,
        returns: Returns = "run",
        deferrable: bool = _DEFAULT_DEFERRABLE,
        actor_log: ActorLog = "tail",
        wait_timeout: timedelta | float | None = None,
        wait_for_capacity: timedelta | float | None = timedelta(hours=1),
        cancel_on_kill: bool = True,
        abort_gracefully: bool = False,
        durable: bool = True,
        on_retry: OnRetry = "new",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(returns=returns, **kwargs)
        self._keep(locals())

    def _target(self) -> Target:
        return Target.actor(self.actor_id)


class RunTaskOperator(_RunOperator):
    """
    Start a run of a saved task; optionally wait for its end.

    Every option that is not given is the task's own. The parameters that are not listed here are those of
    :class:`RunActorOperator`.

    :param task_id: Airflow's name of this step.
    :param actor_task_id: ID or `username/name` of the task at Apify. (templated)
    :param run_input: laid over the task's own input, field by field. (templated)
    """

    template_fields: Sequence[str] = ("actor_task_id", *_RunOperator.template_fields)
    actor_task_id: str

    def __init__(
        self,
        *,
        actor_task_id: str,
        run_input: Any = None,
        build: str | None = None,
        memory_mbytes: int | str | None = None,
        run_timeout: timedelta | float | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        restart_on_error: bool | str | None = None,
        webhooks: Sequence[Mapping[str, Any]] | None = None,
        wait_for_completion: bool = False,
        returns: Returns = "run",
        deferrable: bool = _DEFAULT_DEFERRABLE,
        actor_log: ActorLog = "tail",
        wait_timeout: timedelta | float | None = None,
        wait_for_capacity: timedelta | float | None = timedelta(hours=1),
        cancel_on_kill: bool = True,
        abort_gracefully: bool = False,
        durable: bool = True,
        on_retry: OnRetry = "new",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(returns=returns, **kwargs)
        self._keep(locals())

    def _target(self) -> Target:
        return Target.task(self.actor_task_id)
