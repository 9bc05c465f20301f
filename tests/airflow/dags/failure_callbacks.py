"""A DAG that tells somebody which run failed: with a notifier, and with a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, BaseNotifier

from airflow_provider_apify.operators.run import RunActorOperator


class FileNotifier(BaseNotifier):
    """Stands for any of Airflow's own notifiers: Slack, SMTP, PagerDuty, …"""

    template_fields = ("path", "text")

    def __init__(self, *, path: str, text: str) -> None:
        super().__init__()
        self.path = path
        self.text = text

    def notify(self, context: Any) -> None:
        Path(self.path).write_text(self.text)


def tell(context: Any) -> None:
    run = context["exception"].run
    folder = Path(context["dag_run"].conf["folder"])
    (folder / "function").write_text(f"{run['id']} {run['status']} {run['consoleUrl']}")


with DAG("failure_callbacks", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    RunActorOperator(
        task_id="run",
        actor_id="emulator/crawler",
        run_input={"startUrls": [{"url": "http://example.com/"}], "maxCrawlPages": 1, "fail": True},
        wait_for_completion=True,
        on_failure_callback=[
            tell,
            FileNotifier(
                path="{{ dag_run.conf['folder'] }}/notifier",
                text="{{ exception.run.id }} {{ exception.run.status }} {{ exception.run.consoleUrl }}",
            ),
        ],
    )
