"""Operators that start runs of Actors and tasks."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any, ClassVar, Literal, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowTaskTimeout,
    BaseOperator,
    Context,
    conf,
    mask_secret,
)

from airflow_provider_apify.api import runs
from airflow_provider_apify.runs import wait
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.actors import check_actor_input, check_task_input
from airflow_provider_apify.api.errors import (
    ApifyCapacityError,
    ApifyRunAbortedError,
)
from airflow_provider_apify.api.flow import Flow, drive
from airflow_provider_apify.api.run_options import RunOptions
from airflow_provider_apify.api.json_body import json_value
from airflow_provider_apify.api.arguments import one_of, seconds
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.runs.wait import LOG_INTERVAL, QUICK, Outcome, WaitEnd, WaitPlan, deadline
from airflow_provider_apify.runs.find_or_start import RunStarter
from airflow_provider_apify.hooks.apify import ApifyHook, UsesApify
from airflow_provider_apify.runs.xcom_results import Returns, check_returns, result_of
from airflow_provider_apify.runs.lineage import RunLineage
from airflow_provider_apify.links import ApifyConsoleLink
from airflow_provider_apify.runs.report import DEFERRING, ActorLog, conclude

#: What to do when the run of an earlier try did not succeed.
OnRetry = Literal["new", "resurrect"]

# How long to wait for capacity before trying again, in seconds: twice as long each time, up to the last.
_FIRST_CAPACITY_DELAY = 20.0
_LONGEST_CAPACITY_DELAY = 300.0


class _RunOperator(UsesApify, RunLineage, BaseOperator):
    """What the operators of this module have in common; the public ones document the arguments."""

    template_fields: Sequence[str] = (
        "run_input",
        "content_type",
        "build",
        "memory_mbytes",
        "run_timeout",
        "max_items",
        "max_total_charge_usd",
        "restart_on_error",
        "webhooks",
        "apify_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"run_input": "json", "webhooks": "json"}
    operator_extra_links = (ApifyConsoleLink(),)
    ui_color = "#e6f7ec"

    # What a kill has to stop; a task that resumes from a deferral has left it to the trigger.
    _starter: RunStarter | None = None
    _ti: Any = None

    def __init__(
        self,
        *,
        run_input: Any = None,
        content_type: str | None = None,
        build: str | None = None,
        memory_mbytes: int | str | None = None,
        run_timeout: timedelta | float | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        restart_on_error: bool | None = None,
        webhooks: Sequence[Mapping[str, Any]] | None = None,
        validate_input: bool = False,
        wait_for_completion: bool = False,
        returns: Returns = "run",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        actor_log: ActorLog = "tail",
        wait_timeout: timedelta | float | None = None,
        wait_for_capacity: timedelta | float | None = timedelta(hours=1),
        cancel_on_kill: bool = True,
        abort_gracefully: bool = False,
        durable: bool = True,
        on_retry: OnRetry = "new",
        apify_conn_id: str = ApifyHook.default_conn_name,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.run_input = run_input
        self.content_type = content_type
        self.build = build
        self.memory_mbytes = memory_mbytes
        self.run_timeout = run_timeout
        self.max_items = max_items
        self.max_total_charge_usd = max_total_charge_usd
        self.restart_on_error = restart_on_error
        self.webhooks = webhooks
        self.validate_input = validate_input
        self.wait_for_completion = wait_for_completion
        self.returns = returns
        self.deferrable = deferrable
        self.actor_log = actor_log
        self.wait_timeout = wait_timeout
        self.wait_for_capacity = wait_for_capacity
        self.cancel_on_kill = cancel_on_kill
        self.abort_gracefully = abort_gracefully
        self.durable = durable
        self.on_retry = on_retry
        self.apify_conn_id = apify_conn_id

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, *args: Any, **kwargs: Any
    ) -> None:
        # Where Airflow lets an operator join in the rendering, mapped or not.
        path = self.run_input
        if parent is self and isinstance(path, str) and path.endswith(".json"):
            # Not by `template_ext`, which takes each URL within the input for a file if it ends so.
            self.run_input, *_ = jinja_env.loader.get_source(jinja_env, path)
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, *args, **kwargs)
        if parent is self:
            # Airflow masks what is under a key like `password`, in a value and not in a text.
            self.run_input = json_value(self.run_input, self.content_type)

    def execute(self, context: Context) -> Any:
        """
        Start the run, or find the one that an earlier try started; wait for it if asked to.

        :param context: Airflow's task context.
        :return: the run info, or what `returns` says.
        """
        return self._execute(
            context,
            attempt=1,
            capacity_until=deadline(seconds("wait_for_capacity", self.wait_for_capacity) or 0),
            abort_at=deadline(self.execution_timeout),
        )

    def execute_retry_start(self, context: Context, event: dict[str, Any]) -> Any:
        """
        Go on after a wait for capacity in the triggerer.

        :param context: Airflow's task context.
        :param event: what the task left for itself.
        """
        return self._execute(context, **event)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """
        Go on after the wait for the run in the triggerer.

        :param context: Airflow's task context.
        :param event: how the wait ended.
        """
        self._mask_input()
        return self._finish(Outcome.from_event(event))

    def on_kill(self) -> None:
        """Abort the run if a user stops the task while it starts the run or waits for it, or it times out."""
        if self.cancel_on_kill and self._starter is not None and self._ends_for_good():
            self._starter.kill()

    def _ends_for_good(self) -> bool:
        # A worker that is shut down, or that Airflow has lost, is told to stop likewise: a retry goes on.
        if isinstance(sys.exc_info()[1], AirflowTaskTimeout) or self._ti.try_number > self._ti.max_tries:
            return True
        from airflow_provider_apify.runs.stop_or_shutdown import was_stopped

        if was_stopped(self._ti):
            return True
        self.log.info("Nobody stopped this task; its run goes on, and a retry goes on with it.")
        return False

    def _execute(
        self, context: Context, *, attempt: int, capacity_until: float | None, abort_at: float | None
    ) -> Any:
        self._check_arguments()
        self._mask_input()
        self._ti = context["ti"]
        self._starter = RunStarter(
            hook=self.hook,
            start=self._start_call,
            list_runs=self._list_runs_call,
            check=self._check,
            context=context,
            log=self.log,
            durable=self.durable,
            on_retry=self.on_retry,
            abort_cleared=self.wait_for_completion and self.cancel_on_kill,
            abort_gracefully=self.abort_gracefully,
        )
        while True:
            if attempt > 1 and abort_at is not None and time.time() >= abort_at:
                raise ApifyCapacityError("`execution_timeout` passed before there was capacity for the run.")
            try:
                run = self._starter.obtain()
                break
            except ApifyCapacityError as error:
                left = (capacity_until or 0) - time.time()
                if left <= 0:
                    raise
                pause = min(left, _capacity_delay(attempt), max(0.0, (abort_at or inf) - time.time()))
                self.log.info("No capacity to start the run; trying again in %.0f s. (%s)", pause, error)
            attempt += 1
            if self.deferrable:
                event = {"attempt": attempt, "capacity_until": capacity_until, "abort_at": abort_at}
                self._defer_start(time.time() + pause, event)
            time.sleep(pause)
        self._announce(context, run)
        return self._finish(self._wait(run, abort_at)) if self.wait_for_completion else run.info

    def _defer_start(self, retry_at: float, event: dict[str, Any]) -> NoReturn:
        from airflow_provider_apify.triggers.run import ApifyCapacityTrigger

        self.defer(trigger=ApifyCapacityTrigger(retry_at, event), method_name="execute_retry_start")

    def _mask_input(self) -> None:
        # The Actor may log what it was given: values under keys like `password` are masked from here on.
        if isinstance(self.run_input, dict):
            mask_secret(self.run_input)

    def _check_arguments(self) -> None:
        """Refuse what could only fail after the money is spent."""
        check_returns(self.returns, waits=self.wait_for_completion)
        one_of("actor_log", self.actor_log, ActorLog)
        one_of("on_retry", self.on_retry, OnRetry)
        seconds("wait_timeout", self.wait_timeout)

    def _check(self) -> None:
        if self.validate_input:
            drive(self._input_check(), self.hook.send)

    def _announce(self, context: Context, run: ActorRun) -> None:
        self.log.info("Run %s is %s: %s", run.id, run.status, run.console_url)
        if run.is_paid_per_event and self.max_total_charge_usd is None:
            limit = run.max_total_charge_usd
            self.log.warning(
                "The Actor charges per event, and no `max_total_charge_usd` limits the run: it may cost %s.",
                "any amount" if limit is None else f"up to ${limit:.2f}, Apify's own limit for it",
            )
        ti = context["ti"]
        ApifyConsoleLink().push(ti, run.console_url)
        # Callbacks of a task that fails while it waits have these too.
        for key in ("id", "defaultDatasetId", "defaultKeyValueStoreId"):
            ti.xcom_push(key=key, value=run.info[key])

    def _wait(self, run: ActorRun, abort_at: float | None) -> Outcome:
        give_up_at = deadline(seconds("wait_timeout", self.wait_timeout))
        plan = WaitPlan(run.id, self.hook.endpoint.long_poll, give_up_at=give_up_at)
        if self.actor_log == "full":
            plan = replace(plan, long_poll=min(plan.long_poll, LOG_INTERVAL), log_from=0)
        if not self.deferrable:
            # On a worker Airflow itself enforces `execution_timeout`, and calls `on_kill`.
            return self.hook.wait(plan)
        outcome = self.hook.wait(replace(plan, abort_at=abort_at, give_up_at=deadline(QUICK)))
        if outcome.end is WaitEnd.GIVE_UP_DUE:
            self._defer(run, abort_at, plan.give_up_at, outcome.log_position)
        return outcome

    def _defer(
        self, run: ActorRun, abort_at: float | None, give_up_at: float | None, log_position: int | None
    ) -> NoReturn:
        from airflow_provider_apify.triggers.run import ApifyRunTrigger

        self.log.info(DEFERRING, run.id)
        trigger = ApifyRunTrigger(
            run.id,
            self.apify_conn_id,
            abort_at=abort_at,
            give_up_at=give_up_at,
            log_position=log_position,
            cancel_on_kill=self.cancel_on_kill,
            abort_gracefully=self.abort_gracefully,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def _finish(self, outcome: Outcome) -> Any:
        if outcome.end is WaitEnd.ABORT_DUE and self.cancel_on_kill:
            abort = waiting.abort(outcome.run_id, gracefully=self.abort_gracefully)
            run = outcome.run or drive(abort, self.hook.send)
            message = f"{outcome.message} The run {run.id} was aborted ({run.status}): {run.console_url}"
            raise ApifyRunAbortedError(message, run=run.info)
        actor_log = "off" if self.actor_log == "full" else self.actor_log
        run = outcome.finished_run()
        self.report_run(self.hook, run)
        run = conclude(run, self.hook.send, self.log, actor_log=actor_log)
        # Only the run info has keys that are known.
        self.multiple_outputs = self.multiple_outputs and self.returns == "run"
        return result_of(run, self.returns, self.hook.send)

    def _options(self) -> RunOptions:
        return {
            "build": self.build,
            "memory_mbytes": self.memory_mbytes,
            "run_timeout": self.run_timeout,
            "max_items": self.max_items,
            "max_total_charge_usd": self.max_total_charge_usd,
            "restart_on_error": self.restart_on_error,
            "webhooks": self.webhooks,
        }

    def _start_call(self, headers: Mapping[str, str]) -> Call[ActorRun]:
        raise NotImplementedError

    def _list_runs_call(self, **filters: Any) -> Call[list[ActorRun]]:
        raise NotImplementedError

    def _input_check(self) -> Flow[None]:
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
    :param run_input: input: a dict, a string that holds JSON, or the path of a `.json` file. Take secrets
        from a connection or variable, `{{ conn.site.password }}`: Airflow masks those everywhere, and what
        is under a key like `password`. (templated)
    :param content_type: media type of an input that is not JSON. (templated)
    :param build: tag or number of the build to run. (templated)
    :param memory_mbytes: memory in megabytes, a power of two from 128 on. (templated)
    :param run_timeout: after how long Apify ends the run as TIMED-OUT; a timedelta or seconds, 0 for never.
        (templated)
    :param max_items: how many items may be charged, for Actors that are paid per result. (templated)
    :param max_total_charge_usd: how much the run may cost, in US dollars. (templated)
    :param restart_on_error: let Apify restart the run when it fails. (templated)
    :param force_permission_level: `LIMITED_PERMISSIONS` or `FULL_PERMISSIONS`. (templated)
    :param webhooks: ad-hoc webhooks, as dicts with `eventTypes`, `requestUrl`, … Apify's own `{{…}}` in a
        `payloadTemplate` stands between `{% raw %}` and `{% endraw %}`. (templated)
    :param validate_input: check the input against the Actor's input schema before anything is started; the
        error names every field that is wrong.
    :param wait_for_completion: wait for the end of the run, and fail unless it succeeded.
    :param returns: what the task returns: the "run" info, or, where it waits, the dataset's "items" or the
        record OUTPUT as "output". At most 48,000 bytes; a transfer operator lands larger ones.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param actor_log: how much of the Actor's log goes into the task's own when the task waits: "off", the
        "tail" once the run is over, or "full", every line while it runs.
    :param wait_timeout: how long to wait before the task fails and the run goes on. Default: no limit.
        To abort the run as well, set Airflow's `execution_timeout`.
    :param wait_for_capacity: how long to try again while the account's memory or number of runs is used up;
        None fails at once.
    :param cancel_on_kill: abort the run when a user kills, clears or marks the task, or it times out.
    :param abort_gracefully: when aborting, let the Actor save its state first, for up to 30 s.
    :param durable: find the run of an earlier try instead of starting a second one.
    :param on_retry: what to do when the run of an earlier try did not succeed: start a "new" one, or
        "resurrect" that one, with the storages it has.
    :param apify_conn_id: the Airflow connection. (templated)
    :param multiple_outputs: make every key of the run info an XCom of its own.
    :raises ApifyConfigurationError: if an argument or the connection cannot be used; nothing was sent.
    :raises ApifyApiError: if Apify refuses; nothing was started.
    :raises ApifyStartUncertainError: if it cannot be told whether a run was started.
    :raises ApifyRunError: if the run ended without success.
    :raises ApifyRunGoesOnError: if the wait ended before the run.
    :raises ApifyDataError: if the results are not what `returns` asks for, or too large.
    """

    template_fields: Sequence[str] = ("actor_id", "force_permission_level", *_RunOperator.template_fields)

    def __init__(self, *, actor_id: str, force_permission_level: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.actor_id = actor_id
        self.force_permission_level = force_permission_level

    def _start_call(self, headers: Mapping[str, str]) -> Call[ActorRun]:
        options: RunOptions = {**self._options(), "force_permission_level": self.force_permission_level}
        return calls.start_actor_run(
            self.actor_id, self.run_input, content_type=self.content_type, headers=headers, options=options
        )

    def _list_runs_call(self, **filters: Any) -> Call[list[ActorRun]]:
        return calls.list_runs(actor_id=self.actor_id, **filters)

    def _input_check(self) -> Flow[None]:
        return check_actor_input(
            self.actor_id, self.run_input, content_type=self.content_type, build=self.build
        )


class RunTaskOperator(_RunOperator):
    """
    Start a run of a saved task; optionally wait for its end. Otherwise as :class:`RunActorOperator`.

    Every option that is not given is the task's own.

    :param task_id: Airflow's name of this step.
    :param actor_task_id: ID or `username/name` of the task at Apify. (templated)
    :param run_input: laid over the task's own input, field by field. (templated)
    """

    template_fields: Sequence[str] = ("actor_task_id", *_RunOperator.template_fields)

    def __init__(self, *, actor_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.actor_task_id = actor_task_id

    def _start_call(self, headers: Mapping[str, str]) -> Call[ActorRun]:
        return calls.start_task_run(
            self.actor_task_id,
            self.run_input,
            content_type=self.content_type,
            headers=headers,
            options=self._options(),
        )

    def _list_runs_call(self, **filters: Any) -> Call[list[ActorRun]]:
        return calls.list_runs(task_id=self.actor_task_id, **filters)

    def _input_check(self) -> Flow[None]:
        return check_task_input(
            self.actor_task_id, self.run_input, content_type=self.content_type, build=self.build
        )


def _capacity_delay(attempt: int) -> float:
    longest = min(_FIRST_CAPACITY_DELAY * 2.0 ** min(attempt - 1, 10), _LONGEST_CAPACITY_DELAY)
    # Spread: all the tasks of a DAG may be waiting for the same capacity.
    return longest * random.uniform(0.5, 1)  # noqa: S311
