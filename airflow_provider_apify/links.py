"""Links shown beside a task in Airflow's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class ApifyConsoleLink(BaseOperatorLink):
    """Link to the run in Apify Console."""

    name = "Apify Console"
    # Airflow 3 reads the link from this XCom; the task writes it as soon as the run is known.
    xcom_key = "_link_ApifyConsoleLink"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link, or nothing while there is no run."""
        return XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""

    def push(self, ti: Any, url: str) -> None:
        """Show the link from now on, not only once the task is over."""
        ti.xcom_push(key=self.xcom_key, value=url)
