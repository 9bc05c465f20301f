"""What an operator sees of Airflow, over the tries of one task instance."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from airflow.providers.common.compat.sdk import Context


class Store:
    """The task state store of Airflow 3.3, for one task instance of one DAG run."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@dataclass
class TaskInstance:
    """What an operator sees of its task instance."""

    task_id: str = "run"
    dag_id: str = "dag"
    run_id: str = "manual__1"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 1
    start_date: datetime = field(default_factory=lambda: datetime.fromtimestamp(time.time(), UTC))
    #: The iteration of a loop (Airflow 3.4).
    region_id: str | None = None
    region_index: int | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@dataclass
class DagRun:
    """What an operator sees of its DAG run."""

    start_date: datetime = field(default_factory=lambda: datetime.fromtimestamp(time.time(), UTC))


class TaskTries:
    """The tries of one task instance, as Airflow would make them.

    :param store: whether there is a task state store (Airflow from 3.3 on).
    """

    def __init__(self, *, store: bool = True) -> None:
        self.ti = TaskInstance()
        self.dag_run = DagRun()
        self.store = Store() if store else None

    @property
    def context(self) -> Context:
        context: dict[str, Any] = {"ti": self.ti, "dag_run": self.dag_run}
        return cast("Context", context | ({"task_state_store": self.store} if self.store else {}))

    def retry(self) -> Context:
        """Go on to the next try by Airflow's own doing."""
        self.ti = TaskInstance(try_number=self.ti.try_number + 1, max_tries=self.ti.max_tries)
        return self.context

    def clear(self) -> Context:
        """Go on to the next try by a user's Clear."""
        self.ti = TaskInstance(try_number=self.ti.try_number + 1, max_tries=self.ti.try_number + 1)
        return self.context
