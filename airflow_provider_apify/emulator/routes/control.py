"""The emulator's own paths, ``/__emulator__/…``: for tests and tools in other processes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_provider_apify.emulator.call import Answer, Call, json_answer
from airflow_provider_apify.emulator.errors import invalid_request
from airflow_provider_apify.emulator.faults import Fault
from airflow_provider_apify.emulator.routing import Router

if TYPE_CHECKING:
    from airflow_provider_apify.emulator.emulator import Emulator

ROOT = "/__emulator__"


def register(router: Router, emulator: Emulator) -> None:
    """Add what sets and tells faults, switches, clock, requests, runs and aborts."""
    control = _Control(emulator)
    for method, path, handler in (
        ("GET", "faults", control.get_faults),
        ("POST", "faults", control.add_fault),
        ("DELETE", "faults", control.clear_faults),
        ("GET", "switches", control.get_switches),
        ("PUT", "switches", control.put_switches),
        ("GET", "clock", control.get_clock),
        ("PUT", "clock", control.put_clock),
        ("GET", "requests", control.get_requests),
        ("DELETE", "requests", control.clear_requests),
        ("GET", "runs", control.get_runs),
        ("GET", "aborts", control.get_aborts),
    ):
        router.add(method, f"{ROOT}/{path}", handler)


class _Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def get_faults(self, call: Call) -> Answer:
        """Answer with the faults in force."""
        return json_answer([fault.as_dict() for fault in self._emulator.faults])

    async def add_fault(self, call: Call) -> Answer:
        """Put a fault in force."""
        body = await call.json_object()
        try:
            fault = Fault(**body)
        except (TypeError, ValueError) as problem:
            raise invalid_request(f"Not a fault: {problem}") from None
        return json_answer(self._emulator.faults.add(fault).as_dict(), 201)

    async def clear_faults(self, call: Call) -> Answer:
        """Take all faults off."""
        self._emulator.faults.clear()
        return Answer(204)

    async def get_switches(self, call: Call) -> Answer:
        """Answer with the switches."""
        return json_answer(asdict(self._emulator.switches))

    async def put_switches(self, call: Call) -> Answer:
        """Set some switches."""
        body = await call.json_object()
        try:
            for name, value in body.items():
                setattr(self._emulator.switches, name, value)
        except (AttributeError, ValueError) as problem:
            raise invalid_request(f"Not a switch: {problem}") from None
        return json_answer(asdict(self._emulator.switches))

    async def get_clock(self, call: Call) -> Answer:
        """Answer with emulated time."""
        return json_answer({"time": self._emulator.clock.time(), "speed": self._emulator.clock.speed})

    async def put_clock(self, call: Call) -> Answer:
        """Set the speed of the clock, or advance it."""
        body = await call.json_object()
        try:
            if "speed" in body:
                self._emulator.clock.speed = body["speed"]
            self._emulator.clock.advance(body.get("advance", 0))
        except (TypeError, ValueError) as problem:
            raise invalid_request(str(problem)) from None
        return json_answer({"time": self._emulator.clock.time(), "speed": self._emulator.clock.speed})

    async def get_requests(self, call: Call) -> Answer:
        """Answer with what was asked."""
        return json_answer([request.as_dict() for request in self._emulator.requests])

    async def clear_requests(self, call: Call) -> Answer:
        """Forget what was asked."""
        self._emulator.requests.clear()
        return Answer(204)

    async def get_runs(self, call: Call) -> Answer:
        """Answer with all runs."""
        return json_answer(self._emulator.runs)

    async def get_aborts(self, call: Call) -> Answer:
        """Answer with the requests to abort a run."""
        return json_answer(self._emulator.aborts)
