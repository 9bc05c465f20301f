"""The emulator's own paths, ``/__emulator__/…``: faults, switches, clock, seen requests, runs, aborts."""

from __future__ import annotations

from dataclasses import asdict

from airflow_provider_apify.emulator.platform.api_errors import invalid_request
from airflow_provider_apify.emulator.platform.clock import iso
from airflow_provider_apify.emulator.platform.registry import Platform
from airflow_provider_apify.emulator.platform.run_json import run_object
from airflow_provider_apify.emulator.server.faults import Fault, Faults
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, json_response
from airflow_provider_apify.emulator.server.routing import Router
from airflow_provider_apify.emulator.server.seen_requests import SeenRequest

ROOT = "/__emulator__"


class EmulatorControls:
    """The handlers of the emulator's own paths."""

    def __init__(self, platform: Platform, faults: Faults, requests: list[SeenRequest]) -> None:
        self._platform, self._faults, self._requests = platform, faults, requests

    def register(self, router: Router) -> None:
        """Add the paths."""
        for method, path, handler in (
            ("GET", "faults", self._get_faults),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._clear_faults),
            ("GET", "switches", self._get_switches),
            ("PUT", "switches", self._put_switches),
            ("GET", "clock", self._get_clock),
            ("PUT", "clock", self._put_clock),
            ("GET", "requests", self._get_requests),
            ("DELETE", "requests", self._clear_requests),
            ("GET", "runs", self._get_runs),
            ("GET", "aborts", self._get_aborts),
        ):
            router.add(method, f"{ROOT}/{path}", handler)

    async def _get_faults(self, call: Call) -> Response:
        return json_response([asdict(fault) for fault in self._faults])

    async def _add_fault(self, call: Call) -> Response:
        body = await call.json_object()
        try:
            fault = Fault(**body)
        except (TypeError, ValueError) as problem:
            raise invalid_request(f"Not a fault: {problem}") from None
        return json_response(asdict(self._faults.add(fault)), 201)

    async def _clear_faults(self, call: Call) -> Response:
        self._faults.clear()
        return Response(204)

    async def _get_switches(self, call: Call) -> Response:
        return json_response(asdict(self._platform.switches))

    async def _put_switches(self, call: Call) -> Response:
        body = await call.json_object()
        try:
            for name, value in body.items():
                setattr(self._platform.switches, name, value)
        except (AttributeError, ValueError) as problem:
            raise invalid_request(f"Not a switch: {problem}") from None
        return await self._get_switches(call)

    async def _get_clock(self, call: Call) -> Response:
        return json_response({"time": self._platform.clock.time(), "speed": self._platform.clock.speed})

    async def _put_clock(self, call: Call) -> Response:
        body = await call.json_object()
        try:
            if "speed" in body:
                self._platform.clock.speed = body["speed"]
            self._platform.clock.advance(body.get("advance", 0))
        except (TypeError, ValueError) as problem:
            raise invalid_request(str(problem)) from None
        return await self._get_clock(call)

    async def _get_requests(self, call: Call) -> Response:
        return json_response([{**asdict(request), "time": iso(request.time)} for request in self._requests])

    async def _clear_requests(self, call: Call) -> Response:
        self._requests.clear()
        return Response(204)

    async def _get_runs(self, call: Call) -> Response:
        return json_response([run_object(run) for run in self._platform.runs_in_order()])

    async def _get_aborts(self, call: Call) -> Response:
        return json_response(self._platform.aborts)
