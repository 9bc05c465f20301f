"""What all tests share: an Airflow home of their own, an emulated Apify and a clock that can be hurried."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading

_HOME = os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-provider-apify-tests-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.hooks.apify import ApifyHook
from tests.support.connections import set_connection
from tests.support.s3_bucket import s3_server
from tests.support.task_context import TaskTries


def pytest_sessionfinish() -> None:
    """Leave no Airflow home behind."""
    shutil.rmtree(_HOME, ignore_errors=True)


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


@pytest.fixture
def fast_clock(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
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
        if threading.current_thread() is not threading.main_thread():
            # The emulator's: its faults last real seconds.
            return await real_async_sleep(seconds, result)
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
def read_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was logged so far: Airflow 3 prints it, older ones hand it to `logging`."""
    caplog.set_level("INFO")
    printed: list[str] = []

    def read() -> str:
        printed.append("".join(capsys.readouterr()))
        return caplog.text if airflow_version < "3" else "".join(printed)

    return read


@pytest.fixture(params=["store", "no store"])
def task_tries(request: pytest.FixtureRequest) -> TaskTries:
    """The tries of a task instance, with the task state store of Airflow 3.3 and without."""
    return TaskTries(store=request.param == "store")


@pytest.fixture
def stored_tries() -> TaskTries:
    """The tries of a task instance with the task state store, for what does not depend on the store."""
    return TaskTries()


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """A local S3."""
    with s3_server() as url:
        yield url


@pytest.fixture
def lineage(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is reported to Airflow's collector of hook lineage: "input" or "output", and the URI."""
    from airflow.providers.common.compat.lineage import hook as hook_lineage

    told: list[tuple[str, str]] = []

    class Collector:
        def add_input_asset(self, *, context: Any, uri: str) -> None:
            told.append(("input", uri))

        def add_output_asset(self, *, context: Any, uri: str) -> None:
            told.append(("output", uri))

    monkeypatch.setattr(hook_lineage, "get_hook_lineage_collector", Collector)
    return told
