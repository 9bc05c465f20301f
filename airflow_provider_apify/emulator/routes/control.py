"""The emulator's own paths, ``/__emulator__/…``: for tests and tools in other processes."""

from __future__ import annotations

from dataclasses import asdict, fields
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

    @router.on("GET", f"{ROOT}/faults")
    async def get_faults(call: Call) -> Answer:
        return json_answer([fault.as_dict() for fault in emulator.faults])

    @router.on("POST", f"{ROOT}/faults")
    async def add_fault(call: Call) -> Answer:
        body = await call.json_object()
        try:
            fault = Fault(**body)
        except TypeError as problem:
            raise invalid_request(f"Not a fault: {problem}") from None
        return json_answer(emulator.faults.add(fault).as_dict(), 201)

    @router.on("DELETE", f"{ROOT}/faults")
    async def clear_faults(call: Call) -> Answer:
        emulator.faults.clear()
        return Answer(204)

    @router.on("GET", f"{ROOT}/switches")
    async def get_switches(call: Call) -> Answer:
        return json_answer(asdict(emulator.switches))

    @router.on("PUT", f"{ROOT}/switches")
    async def put_switches(call: Call) -> Answer:
        body = await call.json_object()
        unknown = set(body) - {entry.name for entry in fields(emulator.switches)}
        if unknown:
            raise invalid_request(f"No such switch: {', '.join(sorted(unknown))}")
        for name, value in body.items():
            setattr(emulator.switches, name, value)
        return json_answer(asdict(emulator.switches))

    @router.on("GET", f"{ROOT}/clock")
    async def get_clock(call: Call) -> Answer:
        return json_answer({"time": emulator.clock.time(), "speed": emulator.clock.speed})

    @router.on("PUT", f"{ROOT}/clock")
    async def put_clock(call: Call) -> Answer:
        body = await call.json_object()
        try:
            if "speed" in body:
                emulator.clock.speed = body["speed"]
            emulator.clock.advance(body.get("advance", 0))
        except (TypeError, ValueError) as problem:
            raise invalid_request(str(problem)) from None
        return json_answer({"time": emulator.clock.time(), "speed": emulator.clock.speed})

    @router.on("GET", f"{ROOT}/requests")
    async def get_requests(call: Call) -> Answer:
        return json_answer([request.as_dict() for request in emulator.requests])

    @router.on("DELETE", f"{ROOT}/requests")
    async def clear_requests(call: Call) -> Answer:
        emulator.requests.clear()
        return Answer(204)

    @router.on("GET", f"{ROOT}/runs")
    async def get_runs(call: Call) -> Answer:
        return json_answer(emulator.runs)

    @router.on("GET", f"{ROOT}/aborts")
    async def get_aborts(call: Call) -> Answer:
        return json_answer(emulator.aborts)
