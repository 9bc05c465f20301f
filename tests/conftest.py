"""What all tests share: an Airflow home of their own, an emulated Apify and a clock that can be hurried."""

from __future__ import annotations

import os
import signal
import tempfile
import threading

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-provider-apify-tests-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.hooks.apify import ApifyHook


@pytest.fixture
def emulator() -> Emulator:
    """An Apify with one Actor that does as its input says, and one task of it."""
    emulator = Emulator()

    @emulator.actor("emulator/worker")
    def worker(actor: Any) -> None:
        order = actor.input or {}
        actor.log(f"order: {sorted(order)}")
        actor.push_data([{"n": n} for n in range(order.get("items", 3))])
        if message := order.get("status_message"):
            actor.set_status_message(message)
        actor.sleep(order.get("seconds", 0))
        if order.get("fail"):
            actor.log("about to fail")
            raise RuntimeError("failed as told")

    emulator.add_task("emulator/job", actor="emulator/worker", input={"items": 2, "seconds": 0})
    return emulator


@pytest.fixture
def server(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The emulator over HTTP, behind the connection `apify_default`."""
    with emulator.serve() as server:
        set_connection(monkeypatch, host=server.url, password=server.token)
        yield server


@pytest.fixture
def hook(server: Any) -> ApifyHook:
    """A hook to the emulator."""
    return ApifyHook()


def set_connection(monkeypatch: pytest.MonkeyPatch, conn_id: str = "apify_default", **fields: Any) -> None:
    """Define an Airflow connection."""
    connection = {"conn_type": "apify", **fields}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait, in real time, for something that another thread or process is about to do."""
    waited = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        waited.wait(0.01)
    raise AssertionError("It did not happen in time.")


@contextmanager
def killed(operator: Any, once: Callable[[], Any]) -> Iterator[None]:
    """Kill a task at work as Airflow does it: a signal handler calls `on_kill`, and nothing else."""

    def kill() -> None:
        wait_until(once)
        os.kill(os.getpid(), signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        killer.join()
        signal.signal(signal.SIGUSR1, previous)


@pytest.fixture
def hurried(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Emulated time for both sides: it runs fast, and a sleep of ours is a jump of the clock.

    It moves in ticks of this process, not with the machine's time: where the machine pauses, so does it.
    """
    emulator.clock.speed = 0
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.002):
            emulator.clock.advance(1.2)

    ticker = threading.Thread(target=tick, daemon=True)
    real_sleep, real_async_sleep = time.sleep, asyncio.sleep

    def sleep(seconds: float) -> None:
        emulator.clock.advance(seconds)
        real_sleep(0.001)

    async def async_sleep(seconds: float, result: Any = None) -> Any:
        emulator.clock.advance(seconds)
        return await real_async_sleep(0.001, result)

    monkeypatch.setattr(time, "time", emulator.clock.time)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(asyncio, "sleep", async_sleep)
    ticker.start()
    yield emulator
    over.set()
    ticker.join()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was logged so far: Airflow 3 prints it, older ones hand it to `logging`."""
    caplog.set_level("INFO")
    printed: list[str] = []

    def read() -> str:
        printed.append("".join(capsys.readouterr()))
        return caplog.text if airflow_version < "3" else "".join(printed)

    return read


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
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@dataclass
class DagRun:
    """What an operator sees of its DAG run."""

    start_date: datetime = field(default_factory=lambda: datetime.fromtimestamp(time.time(), UTC))


class Tries:
    """The tries of one task instance, as Airflow would make them.

    :param store: whether there is a task state store (Airflow from 3.3 on).
    """

    def __init__(self, *, store: bool = True) -> None:
        self.ti = TaskInstance()
        self.dag_run = DagRun()
        self.store = Store() if store else None

    @property
    def context(self) -> dict[str, Any]:
        context = {"ti": self.ti, "dag_run": self.dag_run}
        return context | ({"task_state_store": self.store} if self.store else {})

    def retry(self) -> dict[str, Any]:
        """Go on to the next try by Airflow's own doing."""
        self.ti = TaskInstance(try_number=self.ti.try_number + 1, max_tries=self.ti.max_tries)
        return self.context

    def clear(self) -> dict[str, Any]:
        """Go on to the next try by a user's Clear."""
        self.ti = TaskInstance(try_number=self.ti.try_number + 1, max_tries=self.ti.try_number + 1)
        return self.context


@pytest.fixture(params=["store", "no store"])
def tries(request: pytest.FixtureRequest) -> Tries:
    """The tries of a task instance, with the task state store of Airflow 3.3 and without."""
    return Tries(store=request.param == "store")
