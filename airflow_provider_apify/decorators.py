"""`@task.apify_actor` and `@task.apify_task`: the function returns the input, the task runs it at Apify."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import (
    Context,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_apify.operators.run import RunActorOperator, RunTaskOperator


class _CallsFunction:
    """Makes the input of the run by the decorated function, once a start needs it."""

    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **RunActorOperator.template_fields_renderers,
    }

    def make_run_input(self: Any, context: Context) -> None:
        """Call the function."""
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        self.run_input = self.python_callable(*self.op_args, **kwargs)


class _RunActorDecorated(_CallsFunction, RunActorOperator, DecoratedOperator):
    """Operator that `@task.apify_actor` makes of a function."""

    custom_operator_name = "@task.apify_actor"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *RunActorOperator.template_fields)


class _RunTaskDecorated(_CallsFunction, RunTaskOperator, DecoratedOperator):
    """Operator that `@task.apify_task` makes of a function."""

    custom_operator_name = "@task.apify_task"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *RunTaskOperator.template_fields)


def apify_actor_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
    """
    Make a task of a function that returns the input of an Actor.

    Its result is that of the operator, so `run = prepare()` and then `run["defaultDatasetId"]`.

    The function is called once in each try, and once more after each wait for capacity in the triggerer. A
    try that goes on with the run of an earlier one calls it for the secrets to mask; it may fail then.

    :param python_callable: the function; it may take Airflow's context variables and return what
        `run_input` may be.
    :param kwargs: arguments of :class:`~airflow_provider_apify.operators.run.RunActorOperator`, except
        `run_input`.
    """
    return _decorator(python_callable, _RunActorDecorated, kwargs)


def apify_task_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
    """
    Make a task of a function that returns the input to lay over that of a saved task at Apify.

    :param python_callable: the function, as for :func:`apify_actor_task`.
    :param kwargs: arguments of :class:`~airflow_provider_apify.operators.run.RunTaskOperator`, except
        `run_input`.
    """
    return _decorator(python_callable, _RunTaskDecorated, kwargs)


def _decorator(python_callable: Callable[..., Any] | None, operator: type, kwargs: dict[str, Any]) -> Any:
    return task_decorator_factory(
        python_callable=python_callable,
        # Not to be inferred from the function's annotations: it returns the input, the task the run.
        **{"multiple_outputs": True, **kwargs},
        decorated_operator_class=operator,
    )
