"""What all operators, sensors and transfers have in common: the connection, and the hook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_apify.hooks.apify import ApifyHook


class ApifyOperator(BaseOperator):
    """
    Base of all tasks that talk to Apify.

    :param apify_conn_id: the Airflow connection. (templated)
    :param multiple_outputs: make every key of the task's result an XCom of its own.
    """

    template_fields: Sequence[str] = ("apify_conn_id",)

    def __init__(
        self,
        *,
        apify_conn_id: str = ApifyHook.default_conn_name,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.apify_conn_id = apify_conn_id

    @cached_property
    def hook(self) -> ApifyHook:
        """Client connected to Apify."""
        return ApifyHook(self.apify_conn_id)


def given(arguments: dict[str, Any], *own: str) -> dict[str, Any]:
    """
    Return the arguments that a constructor passes on to its base, from its `locals()`.

    So that a public class can show all its parameters, and its base name what becomes of them once.

    :param own: names of the parameters that the class keeps for itself.
    """
    kept = ("self", "__class__", "kwargs", *own)
    passed = {name: value for name, value in arguments.items() if name not in kept}
    return passed | dict(arguments["kwargs"])
