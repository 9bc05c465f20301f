"""
The input of a run as Airflow renders it: read from a `.json` file, rendered, decoded, and its secrets masked.

`_do_render_template_fields` is private to Airflow. Its signature is the same from 2.11 to 3.4, and the task
SDK says that operators may override it: no public place lies between rendering and what Airflow shows.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, mask_secret
from jinja2 import TemplateNotFound

from airflow_provider_apify.api.errors import ApifyConfigurationError
from airflow_provider_apify.api.request_body import decode_input


class RendersRunInput(BaseOperator):
    """An operator whose `run_input` is a value, JSON text or a file, and may hold secrets."""

    run_input: Any
    _missing_file: str | None = None

    def make_run_input(self, context: Any) -> None:
        """Complete the input once a start needs it; a task that goes on with a run does without its file."""
        if self._missing_file is not None:
            raise ApifyConfigurationError(
                "`run_input` ends in `.json`, and there is no such file beside the DAG or in its "
                f"`template_searchpath`: {self._missing_file[:200]!r}. Pass a path, a dict, or text that "
                "holds JSON. Nothing was sent."
            )

    def mask_run_input(self) -> None:
        """Mask values under keys like `password` from here on: the Actor may log what it was given."""
        run_input = decode_input(self.run_input)
        if isinstance(run_input, dict | list):
            # The name keeps texts in a list from being taken for secrets.
            mask_secret(run_input, "run_input")

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: Any
    ) -> None:
        path = self.run_input
        # `seen_oids` has what another task returned: no Actor may name a file that goes to the next one.
        is_ours = parent is self and id(path) not in seen_oids
        if is_ours and isinstance(path, str) and path.endswith(".json"):
            # Not by `template_ext`, which takes each URL within the input for a file if it ends so.
            try:
                self.run_input, *_ = jinja_env.loader.get_source(jinja_env, path)
            except (TemplateNotFound, OSError):
                self._missing_file = path
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if parent is self:
            # Airflow masks what is under a key like `password`, in a value and not in a text.
            try:
                self.run_input = decode_input(self.run_input)
            except RecursionError:
                # Airflow looks for other tasks' results in whatever is set, level by level.
                raise ApifyConfigurationError("`run_input` is nested too deeply. Nothing was sent.") from None
