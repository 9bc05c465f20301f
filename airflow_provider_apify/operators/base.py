"""What all operators, sensors and transfers have in common: the connection, and the hook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_apify.hooks.apify import ApifyHook


class ApifyOperator(BaseOperator):
    """Base of all tasks that talk to Apify; every key of a task's result is also an XCom of its own."""

    template_fields: Sequence[str] = ("apify_conn_id",)
    ui_color = "#e6f7ec"

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

    def _keep(self, arguments: dict[str, Any]) -> None:
        """
        Make attributes of a constructor's arguments, from its `locals()`.

        So a public class shows all its parameters, and those that it shares are declared once, in its base.
        """
        for name, value in arguments.items():
            if name not in ("self", "__class__", "kwargs"):
                setattr(self, name, value)
